//! Workers that keep a driver from starting, each in a namespace of its own, and a sound one beside them.

macro_rules! sound_worker_too {
    () => {
        #[derive(Default)]
        pub(crate) struct Sound;

        #[worker]
        impl Sound {
            #[job]
            fn sound(&self) {}

            fn process_start(&mut self) {
                crate::trace("a process was started");
            }
        }
    };
}

pub(crate) mod constructor {
    use gearman_driver::prelude::*;

    pub(crate) struct Fails;

    #[worker]
    impl Fails {
        fn new(_options: &WorkerOptions) -> Result<Self, Error> {
            Err("no model in /nowhere".into())
        }

        #[job]
        fn fails(&self) {}
    }
    sound_worker_too!();
}

pub(crate) mod panics {
    use gearman_driver::prelude::*;

    pub(crate) struct Panics;

    #[worker]
    impl Panics {
        fn new(_options: &WorkerOptions) -> Self {
            panic!("the constructor panics on purpose")
        }

        #[job]
        fn panics(&self) {}
    }
    sound_worker_too!();
}

pub(crate) mod thread {
    use gearman_driver::prelude::*;

    pub(crate) struct Threads;

    #[worker]
    impl Threads {
        fn new(_options: &WorkerOptions) -> Result<Self, Error> {
            std::thread::Builder::new().name("a-pool".to_owned()).spawn(std::thread::park)?;
            Ok(Self)
        }

        #[job]
        fn threads(&self) {}
    }
    sound_worker_too!();
}

pub(crate) mod connection {
    use std::net::{TcpListener, TcpStream};

    use gearman_driver::prelude::*;

    pub(crate) struct Connects {
        _listener: TcpListener,
        _stream: TcpStream,
    }

    #[worker]
    impl Connects {
        fn new(_options: &WorkerOptions) -> Result<Self, Error> {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let stream = TcpStream::connect(listener.local_addr()?)?;
            Ok(Self { _listener: listener, _stream: stream })
        }

        #[job]
        fn connects(&self) {}
    }
    sound_worker_too!();
}

pub(crate) mod bounds {
    use gearman_driver::prelude::*;

    #[derive(Default)]
    pub(crate) struct Crossed;

    #[worker]
    impl Crossed {
        #[job(min_processes = 3)]
        fn crossed(&self) {}

        fn override_attributes(&self) -> JobAttributes {
            JobAttributes::new().max_processes(2)
        }
    }
    sound_worker_too!();
}

pub(crate) mod twice {
    use gearman_driver::prelude::*;

    #[derive(Default)]
    pub(crate) struct One;

    #[worker]
    impl One {
        #[job]
        fn same(&self) {}

        fn prefix(&self) -> String {
            "twice_".to_owned()
        }
    }

    #[derive(Default)]
    pub(crate) struct Two;

    #[worker]
    impl Two {
        #[job]
        fn same(&self) {}

        fn prefix(&self) -> String {
            "twice_".to_owned()
        }
    }
    sound_worker_too!();
}
