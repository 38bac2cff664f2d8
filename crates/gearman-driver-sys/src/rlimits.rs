//! What the kernel lets a process use: setrlimit(2), by name.

use std::io;

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};

/// The resources, by the names of their constants without RLIMIT_, in small letters.
const RESOURCES: [(&str, Resource); 16] = [
    ("as", Resource::RLIMIT_AS),
    ("core", Resource::RLIMIT_CORE),
    ("cpu", Resource::RLIMIT_CPU),
    ("data", Resource::RLIMIT_DATA),
    ("fsize", Resource::RLIMIT_FSIZE),
    ("locks", Resource::RLIMIT_LOCKS),
    ("memlock", Resource::RLIMIT_MEMLOCK),
    ("msgqueue", Resource::RLIMIT_MSGQUEUE),
    ("nice", Resource::RLIMIT_NICE),
    ("nofile", Resource::RLIMIT_NOFILE),
    ("nproc", Resource::RLIMIT_NPROC),
    ("rss", Resource::RLIMIT_RSS),
    ("rtprio", Resource::RLIMIT_RTPRIO),
    ("rttime", Resource::RLIMIT_RTTIME),
    ("sigpending", Resource::RLIMIT_SIGPENDING),
    ("stack", Resource::RLIMIT_STACK),
];

fn resource(name: &str) -> io::Result<Resource> {
    let known = RESOURCES.iter().find(|(known, _)| *known == name);
    known.map(|(_, resource)| *resource).ok_or_else(|| {
        io::Error::new(io::ErrorKind::NotFound, format!("the kernel limits no resource of the name {name:?}"))
    })
}

/// Sets the limits of a resource of this process, the soft and the hard one; `None`: unlimited.
///
/// # Errors
/// When there is no such resource, the soft limit is above the hard one, or the kernel refuses: the hard limit is above
/// what it was, and this process may not raise it.
pub fn set(name: &str, soft: Option<u64>, hard: Option<u64>) -> io::Result<()> {
    let raw = |limit: Option<u64>| limit.unwrap_or(RLIM_INFINITY);
    Ok(setrlimit(resource(name)?, raw(soft), raw(hard))?)
}

/// The limits of a resource of this process, the soft and the hard one; `None`: unlimited.
///
/// # Errors
/// When there is no such resource.
pub fn get(name: &str) -> io::Result<(Option<u64>, Option<u64>)> {
    let (soft, hard) = getrlimit(resource(name)?)?;
    let limit = |raw| Some(raw).filter(|raw| *raw != RLIM_INFINITY);
    Ok((limit(soft), limit(hard)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resource_is_known_by_its_name_and_can_be_set_to_what_it_is() {
        for (name, resource) in RESOURCES {
            assert_eq!(format!("{resource:?}"), format!("RLIMIT_{}", name.to_uppercase()));
            let (soft, hard) = get(name).unwrap();
            set(name, soft, hard).unwrap();
            assert_eq!(get(name).unwrap(), (soft, hard), "{name}");
        }
    }

    #[test]
    fn what_the_kernel_has_not_and_what_it_refuses_is_an_error() {
        assert_eq!(get("files").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(set("core", Some(1), Some(0)).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        // Above fs.nr_open, which nobody may have.
        let refused = set("nofile", Some(1 << 40), Some(1 << 40)).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
    }
}
