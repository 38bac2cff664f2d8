//! Users and groups, by name or number, as the system knows them.
//!
//! A look-up runs whatever /etc/nsswitch.conf names: it may take long, and may leave sockets and threads behind.

use std::ffi::CString;

use nix::unistd::{Gid, Group, Uid, User, getgrouplist};

/// The number, where `text` is one (digits alone) that a user or a group can have.
///
/// The largest one of 32 bits is none: to the kernel it means "as before".
#[must_use]
pub fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number != u32::MAX)
}

/// The user of this name, or number; `None`: there is none.
///
/// # Errors
/// When the look-up fails.
pub fn user(name: &str) -> nix::Result<Option<User>> {
    match number(name) {
        Some(number) => User::from_uid(Uid::from_raw(number)),
        None => User::from_name(name),
    }
}

/// The group of this name, or number, which needs no entry; `None`: there is none.
///
/// # Errors
/// When the look-up fails.
pub fn group(name: &str) -> nix::Result<Option<Gid>> {
    match number(name) {
        Some(number) => Ok(Some(Gid::from_raw(number))),
        None => Ok(Group::from_name(name)?.map(|group| group.gid)),
    }
}

/// The groups of the user of this name, `gid` among them.
///
/// # Errors
/// When the look-up fails.
pub fn groups_of(name: &str, gid: Gid) -> nix::Result<Vec<Gid>> {
    // A name with a NUL in it can't have been found.
    getgrouplist(&CString::new(name).unwrap_or_default(), gid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_find_the_same() {
        let root = user("root").unwrap().unwrap();
        assert_eq!(Some(&root), user("0").unwrap().as_ref());
        assert_eq!(group("root").unwrap(), group("0").unwrap());
        assert!(groups_of("root", Gid::from_raw(4711)).unwrap().contains(&Gid::from_raw(4711)));
        assert_eq!((user("no-such-one"), group("no-such-one")), (Ok(None), Ok(None)));
        assert_eq!((user("a\0b"), group("a\0b")), (Ok(None), Ok(None)));
    }

    #[test]
    fn a_number_is_digits_and_not_the_one_that_means_as_before() {
        assert_eq!(["0", "65534", "4294967294"].map(number), [Some(0), Some(65534), Some(4_294_967_294)]);
        assert_eq!(["", "+5", "-1", " 5", "5a", "4294967295", "4294967296"].map(number), [None; 7]);
    }
}
