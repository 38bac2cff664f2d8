//! The name under which a worker process is known to a job server (PROTOCOL: SET_CLIENT_ID).

/// A job server cuts client ids at this many bytes (measured with gearmand 1.1.20).
pub const MAX_BYTES: usize = 127;

const MAX_HOST_BYTES: usize = 32;

/// `gd1/HOST/DRIVERPID/PID/JOB`: no spaces (they break naive readers of the admin command `workers`),
/// HOST at most 32 bytes, the whole at most 127 (the end of JOB is cut).
#[must_use]
pub fn client_id(host: &str, driver_pid: u32, pid: u32, job: &str) -> String {
    let host = cut(host, MAX_HOST_BYTES);
    let id: String = format!("gd1/{host}/{driver_pid}/{pid}/{job}")
        .chars()
        .map(|c| if c.is_whitespace() || c.is_control() { '_' } else { c })
        .collect();
    cut(&id, MAX_BYTES).to_owned()
}

fn cut(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_host_driver_process_and_job() {
        assert_eq!(client_id("web1", 10, 20, "app::Image::scale"), "gd1/web1/10/20/app::Image::scale");
    }

    #[test]
    fn it_has_no_space_and_fits_what_a_job_server_keeps() {
        let id = client_id(&"h".repeat(100), 1, 2, &format!("a b\tc{}", "ü".repeat(100)));
        assert!(id.len() <= MAX_BYTES, "{}", id.len());
        assert!(!id.contains(char::is_whitespace));
        assert!(id.starts_with(&format!("gd1/{}/1/2/a_b_c", "h".repeat(32))));
    }
}
