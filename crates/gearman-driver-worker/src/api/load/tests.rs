use std::cell::RefCell;
use std::time::Duration;

use insta::assert_snapshot;
use serde_json::json;

use super::*;
use crate::api::call::{Call, Failed};
use crate::api::registry::{JobMethod, Run};
use crate::api::{AsyncJobSpec, AsyncMethod, Error, Job, JobAttributes, JobSpec, Method};

/// A worker that is told what to be.
#[derive(Default)]
struct Plain {
    prefix: &'static str,
    defaults: JobAttributes,
    overrides: JobAttributes,
}

impl Worker for Plain {
    fn prefix(&self) -> String {
        assert_ne!(self.prefix, "panic", "no prefix today");
        self.prefix.to_owned()
    }
    fn default_attributes(&self) -> JobAttributes {
        self.defaults
    }
    fn override_attributes(&self) -> JobAttributes {
        self.overrides
    }
}

fn run(_: &mut Call<'_>) -> Result<Vec<u8>, Failed> {
    Ok(Vec::new())
}

const fn method(name: &'static str) -> JobMethod {
    JobMethod {
        method: name,
        name,
        min_processes: None,
        max_processes: None,
        process_group: None,
        exceptions: false,
        limits: JobLimits::NONE,
        concurrency: None,
        run: Run::Sync(run),
    }
}

const fn bounded(name: &'static str, min: Option<u32>, max: Option<u32>) -> JobMethod {
    JobMethod { min_processes: min, max_processes: max, ..method(name) }
}

const fn grouped(name: &'static str, group: &'static str) -> JobMethod {
    JobMethod { process_group: Some(group), ..method(name) }
}

type Build = fn(&WorkerOptions) -> Result<Box<dyn Worker>, Error>;

fn worker(path: &'static str, build: Build, methods: &[JobMethod]) -> &'static WorkerType {
    let methods = methods.to_vec().leak();
    Box::leak(Box::new(WorkerType { path, build, methods }))
}

fn image(_: &WorkerOptions) -> Result<Box<dyn Worker>, Error> {
    Ok(Box::new(Plain { prefix: "app::workers::Image::", ..Plain::default() }))
}

fn text(_: &WorkerOptions) -> Result<Box<dyn Worker>, Error> {
    Ok(Box::new(Plain { prefix: "text_", ..Plain::default() }))
}

fn with_attributes(_: &WorkerOptions) -> Result<Box<dyn Worker>, Error> {
    Ok(Box::new(Plain {
        prefix: "p_",
        defaults: JobAttributes::new().min_processes(0).max_processes(4),
        overrides: JobAttributes::new().max_processes(8),
    }))
}

#[derive(Default)]
struct Request {
    namespaces: Vec<String>,
    wanted: Option<fn(&str) -> bool>,
    options: BTreeMap<String, Map<String, Value>>,
    runtime: BTreeMap<String, RuntimeBounds>,
    added: Vec<AddedJob>,
    needs_job: bool,
}

impl Request {
    fn of(namespaces: &[&str]) -> Self {
        Self { namespaces: namespaces.iter().map(|name| (*name).to_owned()).collect(), ..Self::default() }
    }

    fn runtime(mut self, key: &str, min: Option<u32>, max: Option<u32>) -> Self {
        self.runtime.insert(
            key.to_owned(),
            RuntimeBounds { min_processes: min, max_processes: max, ..RuntimeBounds::default() },
        );
        self
    }

    fn options(mut self, key: &str, options: Value) -> Self {
        let Value::Object(options) = options else { panic!("options are a table") };
        self.options.insert(key.to_owned(), options);
        self
    }

    fn load(self, types: &[&'static WorkerType]) -> Result<Loaded, LoadError> {
        load_from(
            types,
            LoadRequest {
                namespaces: &self.namespaces,
                wanted: self.wanted.as_ref().map(|wanted| wanted as &dyn Fn(&str) -> bool),
                server: "localhost:4730",
                worker_options: &self.options,
                job_runtime_attributes: &self.runtime,
                added: self.added,
                may_be_empty: !self.needs_job,
            },
        )
    }

    fn jobs(self, types: &[&'static WorkerType]) -> String {
        let loaded = self.load(types).unwrap();
        let line = |job: &LoadedJob| {
            let functions: Vec<_> = job.functions.iter().map(|function| function.name.as_str()).collect();
            format!(
                "{} {}..{} [{}] {}",
                job.name,
                job.min_processes,
                job.max_processes,
                functions.join(" "),
                job.worker
            )
        };
        loaded.jobs().iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn error(self, types: &[&'static WorkerType]) -> String {
        self.load(types).unwrap_err().to_string()
    }
}

fn spec(name: &str, functions: &[&str]) -> JobSpec {
    let method = |name: &&str| Method {
        name: (*name).to_owned(),
        body: Box::new(|_: &dyn Worker, _: &mut Job, workload: &[u8]| Ok(workload.to_vec())),
        decode: None,
        encode: None,
    };
    JobSpec {
        name: name.to_owned(),
        min_processes: 1,
        max_processes: 2,
        worker: Box::new(Plain { prefix: "pre_", ..Plain::default() }),
        methods: functions.iter().map(method).collect(),
    }
}

#[test]
fn jobs_are_methods_and_process_groups_sorted_by_name() {
    let types = [
        worker("app::workers::Image", image, &[method("scale"), grouped("b", "group"), grouped("a", "group")]),
        worker("app::workers::text::Text", text, &[bounded("wrap", Some(2), Some(15))]),
        worker("app::workers_old::Image", image, &[method("scale")]),
        worker("app::workers::None", image, &[]),
    ];
    assert_snapshot!(Request::of(&["app::workers", "app::workers::text"]).jobs(&types), @r"
    app::workers::Image::group 1..1 [app::workers::Image::b app::workers::Image::a] app::workers::Image
    app::workers::Image::scale 1..1 [app::workers::Image::scale] app::workers::Image
    text_wrap 2..15 [text_wrap] app::workers::text::Text
    ");
    assert_snapshot!(Request::of(&["app::workers::text::Text"]).jobs(&types), @"text_wrap 2..15 [text_wrap] app::workers::text::Text");
}

#[test]
fn an_empty_namespace_says_what_there_is() {
    let types =
        [worker("app::workers::Image", image, &[method("scale")]), worker("other::Text", text, &[method("wrap")])];
    assert_snapshot!(Request::of(&["app::worker"]).error(&types), @"no worker in namespace app::worker (did you mean app::workers?); namespaces known: app::workers, other. A program of your own needs `mod workers;` for the module with its workers, and `use my_workers as _;` for each library crate with workers, else the linker drops it; see README.md");
    assert_snapshot!(Request::of(&["My"]).error(&[]), @r#"no worker in namespace My; namespaces known: none, as this program has no Rust worker in it. Rust workers are compiled into a program of your own: its main.rs has `mod workers;` (and `use my_workers as _;` for each library crate with workers, else the linker drops it), and its main calls `gearman_driver::Driver::from_args().namespaces(["my_app::workers"]).run()`; see README.md, and examples/convert for a whole one. Workers in other languages come with a later release"#);
    assert!(matches!(Request::of(&[""]).load(&types), Err(LoadError::EmptyNamespace { .. })));
}

#[test]
fn a_driver_with_nothing_to_run_says_how_to_mend_it() {
    let types = [worker("app::workers::Image", image, &[method("scale")])];
    let error = |request: Request, types: &[_]| Request { needs_job: true, ..request }.error(types);
    assert_snapshot!(error(Request::default(), &[]), @r#"no job to run: this program has no Rust worker in it. Rust workers are compiled into a program of your own: its main.rs has `mod workers;` (and `use my_workers as _;` for each library crate with workers, else the linker drops it), and its main calls `gearman_driver::Driver::from_args().namespaces(["my_app::workers"]).run()`; see README.md, and examples/convert for a whole one. Workers in other languages come with a later release"#);
    assert_snapshot!(error(Request::default(), &types), @"no job to run: no namespace is given; choose with --namespaces (or `.namespaces(..)`) from app::workers");
    assert_snapshot!(error(Request { wanted: Some(|_| false), ..Request::of(&["app"]) }, &types), @"no job to run: `wanted` refuses every worker in app");
    assert_eq!(Request::default().load(&types).unwrap().jobs(), []);
}

#[test]
fn a_worker_that_is_not_wanted_is_not_built() {
    fn never(_: &WorkerOptions) -> Result<Box<dyn Worker>, Error> {
        unreachable!("it was refused")
    }
    let types = [worker("app::Image", never, &[method("scale")]), worker("app::Text", text, &[method("wrap")])];
    let request = Request {
        wanted: Some(|path| path != "app::Image"),
        ..Request::of(&["app"]).runtime("app::Image::scale", Some(0), None)
    };
    let loaded = request.load(&types).unwrap();
    assert_eq!(loaded.jobs().len(), 1);
    assert!(loaded.warnings().is_empty(), "{:?}", loaded.warnings());
}

#[test]
fn limits_have_their_order() {
    fn limited(_: &WorkerOptions) -> Result<Box<dyn Worker>, Error> {
        let defaults = JobAttributes::new().max_jobs(10).max_memory(100_000_000).jitter(0.5);
        let overrides = JobAttributes::new().timeout(Duration::from_secs(9));
        Ok(Box::new(Plain { prefix: "p_", defaults, overrides }))
    }
    static METHODS: [JobMethod; 2] = [
        JobMethod {
            limits: JobLimits { max_jobs: Some(20), timeout: Some(Duration::from_secs(1)), ..JobLimits::NONE },
            ..grouped("a", "group")
        },
        JobMethod { limits: JobLimits { jitter: Some(0.0), ..JobLimits::NONE }, ..grouped("b", "group") },
    ];
    let types = [worker("app::Text", limited, &METHODS)];
    let mut request = Request::of(&["app"]);
    let said = |limits| RuntimeBounds { limits, ..RuntimeBounds::default() };
    let by_type = JobLimits { max_jobs: Some(30), max_memory: Some(2 << 20), ..JobLimits::NONE };
    request.runtime.insert("app::Text::group".to_owned(), said(by_type));
    request.runtime.insert("p_group".to_owned(), said(JobLimits { max_jobs: Some(40), ..JobLimits::NONE }));
    let loaded = request.load(&types).unwrap();
    let expected = JobLimits {
        timeout: Some(Duration::from_secs(9)),
        max_jobs: Some(40),
        max_memory: Some(2 << 20),
        jitter: Some(0.0),
        ..JobLimits::NONE
    };
    assert_eq!(loaded.jobs()[0].limits, expected);
    assert!(loaded.warnings().is_empty());
}

#[test]
fn rights_are_the_operators_by_type_and_by_name() {
    let types = [worker("app::Text", text, &[method("wrap"), method("b")])];
    let mut request = Request::of(&["app"]);
    let said = |safety| RuntimeBounds { safety, ..RuntimeBounds::default() };
    let by_type = JobSafety { user: Some("a".to_owned()), nice: Some(5), ..JobSafety::default() };
    request.runtime.insert("app::Text::wrap".to_owned(), said(by_type));
    request.runtime.insert("text_wrap".to_owned(), said(JobSafety { nice: Some(6), ..JobSafety::default() }));
    request.runtime.insert("added".to_owned(), said(JobSafety { nice: Some(7), ..JobSafety::default() }));
    request.added.push(spec("added", &["f"]).into());
    let loaded = request.load(&types).unwrap();
    let of = |name: &str| {
        let job = loaded.jobs().iter().find(|job| job.name == name);
        job.unwrap_or_else(|| panic!("{name}: {:?}", loaded.jobs())).safety.clone()
    };
    assert_eq!(of("added").nice, Some(7));
    let both = of("text_wrap");
    assert_eq!((both.user.as_deref(), both.nice), (Some("a"), Some(6)));
    assert_eq!(of("text_b").first(), None);
}

#[test]
fn limits_that_cannot_be_kept_and_those_that_are_set_twice_are_told() {
    fn tiny(_: &WorkerOptions) -> Result<Box<dyn Worker>, Error> {
        Ok(Box::new(Plain { defaults: JobAttributes::new().max_memory(4096), ..Plain::default() }))
    }
    let types = [worker("app::Text", tiny, &[method("wrap")])];
    assert_snapshot!(Request::of(&["app"]).error(&types), @"worker app::Text, method wrap: max_memory (4096 bytes) is below 1 MiB (1048576 bytes): a process grows by as much by merely running");
    let jobs = |name, jobs| JobMethod {
        limits: JobLimits { max_jobs: Some(jobs), ..JobLimits::NONE },
        ..grouped(name, "group")
    };
    let types = [worker("app::Text", text, &[jobs("a", 1), jobs("b", 1)])];
    assert_snapshot!(Request::of(&["app"]).error(&types), @"worker app::Text, process group group: max_jobs is set by method a and by method b; set it once per process group");
}

#[test]
fn an_added_job_has_the_limits_of_its_workers_hooks() {
    let mut added = spec("added", &["f"]);
    let attributes = JobAttributes::new().max_jobs(7).drain_timeout(Duration::from_secs(60));
    added.worker = Box::new(Plain { defaults: attributes, ..Plain::default() });
    let loaded = Request { added: vec![added.into()], ..Request::default() }.load(&[]).unwrap();
    let limits = loaded.jobs()[0].limits;
    assert_eq!((limits.max_jobs, limits.drain_timeout), (Some(7), Some(Duration::from_secs(60))));

    let mut added = spec("added", &["f"]);
    added.worker = Box::new(Plain { overrides: JobAttributes::new().max_jobs(0), ..Plain::default() });
    let request = Request { added: vec![added.into()], ..Request::default() };
    assert_snapshot!(request.error(&[]), @"added job added: max_jobs is 0, which is no limit: leave it out where there is to be none");
}

#[test]
fn attributes_have_their_order() {
    static METHODS: [JobMethod; 4] = [
        method("open"),
        bounded("own", Some(3), Some(5)),
        JobMethod { min_processes: Some(2), ..grouped("a", "group") },
        JobMethod { max_processes: Some(6), ..grouped("b", "group") },
    ];
    let plain = [worker("app::Text", text, &METHODS)];
    let set = [worker("app::Text", with_attributes, &METHODS)];
    assert_snapshot!(Request::of(&["app"]).jobs(&plain), @r"
    text_group 2..6 [text_a text_b] app::Text
    text_open 1..1 [text_open] app::Text
    text_own 3..5 [text_own] app::Text
    ");
    assert_snapshot!(Request::of(&["app"]).jobs(&set), @r"
    p_group 2..8 [p_a p_b] app::Text
    p_open 0..8 [p_open] app::Text
    p_own 3..8 [p_own] app::Text
    ");
    let request = Request::of(&["app"])
        .runtime("app::Text::group", Some(9), Some(9))
        .runtime("p_group", None, Some(20))
        .runtime("p_own", Some(0), Some(0));
    assert_snapshot!(request.jobs(&set), @r"
    p_group 9..20 [p_a p_b] app::Text
    p_open 0..8 [p_open] app::Text
    p_own 0..0 [p_own] app::Text
    ");
    assert_snapshot!(Request::of(&["app"]).runtime("text_open", Some(7), None).jobs(&plain[..]), @r"
    text_group 2..6 [text_a text_b] app::Text
    text_open 7..7 [text_open] app::Text
    text_own 3..5 [text_own] app::Text
    ");
}

#[test]
fn bounds_that_contradict_each_other_name_worker_and_method() {
    let types = [worker("app::Text", text, &[bounded("own", Some(3), Some(5)), grouped("a", "group")])];
    let request = |key| Request::of(&["app"]).runtime(key, Some(6), Some(2));
    assert_snapshot!(request("text_own").error(&types), @"worker app::Text, method own: min_processes (6) is above max_processes (2); job_runtime_attributes sets both");
    assert_snapshot!(request("app::Text::group").error(&types), @"worker app::Text, process group group: min_processes (6) is above max_processes (2); job_runtime_attributes sets both");
    static TWICE: [JobMethod; 2] = [
        JobMethod { min_processes: Some(2), ..grouped("a", "group") },
        JobMethod { min_processes: Some(3), ..grouped("b", "group") },
    ];
    assert_snapshot!(Request::of(&["app"]).error(&[worker("app::Text", text, &TWICE)]), @"worker app::Text, process group group: min_processes is set by method a and by method b; set it once per process group");
}

#[test]
fn names_are_unique_and_speakable() {
    let text_at = |path| worker(path, text, &[method("wrap")]);
    assert_snapshot!(Request::of(&["app"]).error(&[text_at("app::A"), text_at("app::B")]), @r#"function text_wrap is registered twice, by worker app::A and by worker app::B; give one another name (#[job(name = "..")]) or its worker another prefix"#);
    let group = [worker("app::A", text, &[grouped("a", "group")]), worker("app::B", text, &[grouped("b", "group")])];
    assert_snapshot!(Request::of(&["app"]).error(&group), @"two jobs are called text_group, one of worker app::A and one of worker app::B; give a method, a process group or a prefix another name");
    let request = Request { added: vec![spec("job", &["text_wrap"]).into()], ..Request::of(&["app"]) };
    assert_snapshot!(request.error(&[text_at("app::A")]), @r#"function text_wrap is registered twice, by added job job and by worker app::A; give one another name (#[job(name = "..")]) or its worker another prefix"#);
    assert_snapshot!(Request::of(&["app"]).error(&[worker("app::A", text, &[method("a b")])]), @r#"worker app::A: "text_a b" cannot be the name of a function or a job: it is empty, or has white space or control characters"#);
}

#[test]
fn a_constructor_that_fails_names_its_worker() {
    fn fails(_: &WorkerOptions) -> Result<Box<dyn Worker>, Error> {
        Err("no model".into())
    }
    fn panics(_: &WorkerOptions) -> Result<Box<dyn Worker>, Error> {
        panic!("no {}", "memory")
    }
    fn panicking_hook(_: &WorkerOptions) -> Result<Box<dyn Worker>, Error> {
        Ok(Box::new(Plain { prefix: "panic", ..Plain::default() }))
    }
    let error = |build| Request::of(&["app"]).error(&[worker("app::Image", build, &[method("scale")])]);
    assert_snapshot!(error(fails), @"worker app::Image: new failed: no model");
    assert_snapshot!(error(panics), @"worker app::Image: new failed: no memory");
    assert!(error(panicking_hook).starts_with("worker app::Image: prefix failed: "));
}

#[test]
fn options_are_the_global_ones_and_the_workers_own() {
    thread_local!(static SEEN: RefCell<String> = RefCell::default());
    fn build(options: &WorkerOptions) -> Result<Box<dyn Worker>, Error> {
        let seen = format!("{} {} {}", options.get::<String>("a")?, options.get::<u8>("b")?, options.server());
        SEEN.set(seen);
        text(options)
    }
    let types = [worker("app::Text", build, &[method("wrap")])];
    let request = Request::of(&["app"])
        .options("GLOBAL", json!({"a": "global", "b": 1}))
        .options("app::Text", json!({"b": 2}))
        .options("app::Txt", json!({}));
    let loaded = request.load(&types).unwrap();
    assert_eq!(SEEN.take(), "global 2 localhost:4730");
    assert_eq!(loaded.warnings(), ["worker_options: no worker is called app::Txt; did you mean app::Text?"]);
    assert_snapshot!(Request::of(&["app"]).error(&types), @r#"worker app::Text: new failed: worker app::Text: option "a" is missing (options set: none); set it in worker_options, under app::Text or GLOBAL"#);
}

#[test]
fn layers_are_shared_by_the_workers_of_one_load() {
    thread_local!(static BUILT: RefCell<u32> = RefCell::default());
    struct Layer;
    fn build(options: &WorkerOptions) -> Result<Box<dyn Worker>, Error> {
        options.shared(|| {
            BUILT.with_borrow_mut(|built| *built += 1);
            Ok::<_, Error>(Layer)
        })?;
        Ok(Box::new(Plain { prefix: if BUILT.with_borrow(|b| *b) == 0 { "" } else { "x_" }, ..Plain::default() }))
    }
    let types = [worker("app::A", build, &[method("a")]), worker("app::B", build, &[method("b")])];
    Request::of(&["app"]).load(&types).unwrap();
    assert_eq!(BUILT.take(), 1);
}

#[test]
fn keys_that_name_no_job_are_told() {
    let types = [worker("app::Text", text, &[method("wrap"), grouped("a", "group")])];
    let request =
        Request::of(&["app"]).runtime("text_warp", None, None).runtime("text_a", None, None).runtime("zz", None, None);
    assert_snapshot!(request.load(&types).unwrap().warnings().join("\n"), @r"
    job_runtime_attributes: no job is called text_a; that function is part of job text_group, which has the bounds
    job_runtime_attributes: no job is called text_warp; did you mean text_wrap?
    job_runtime_attributes: no job is called zz
    ");
}

#[test]
fn added_jobs_keep_their_names_unless_prefixed() {
    let added = vec![spec("job", &["a", "b"]).into(), spec("other", &["c"]).prefixed().into()];
    let request = Request { added, ..Request::of(&[]) }.runtime("job", Some(0), None);
    assert_snapshot!(request.jobs(&[]), @r"
    job 0..2 [a b] added job job
    pre_other 1..2 [pre_c] added job pre_other
    ");
    let wrong = JobSpec { min_processes: 3, ..spec("job", &["a"]) };
    let error = |added: JobSpec| Request { added: vec![added.into()], ..Request::default() }.error(&[]);
    assert_snapshot!(error(wrong), @"added job job: min_processes (3) is above max_processes (2)");
    assert_snapshot!(error(spec("job", &[])), @"added job job: it has no method; give its JobSpec at least one");
    assert_snapshot!(error(spec("job", &["a", "a"])), @r#"function a is registered twice, by added job job and by added job job; give one another name (#[job(name = "..")]) or its worker another prefix"#);
}

#[test]
fn added_asynchronous_jobs_say_how_many_at_once() {
    let spec = |concurrency| AsyncJobSpec {
        name: "job".to_owned(),
        min_processes: 0,
        max_processes: 2,
        concurrency,
        worker: Box::new(Plain { prefix: "pre_", ..Plain::default() }),
        methods: vec![AsyncMethod {
            name: "a".to_owned(),
            body: Box::new(|_, _, _| Box::pin(async { Ok(Vec::new()) })),
            decode: None,
            encode: None,
        }],
    };
    let request = Request { added: vec![spec(32).into(), spec(1).prefixed().into()], ..Request::of(&[]) };
    let loaded = request.load(&[]).unwrap();
    let jobs: Vec<_> =
        loaded.jobs().iter().map(|job| (job.name.as_str(), job.functions[0].name.as_str(), job.concurrency)).collect();
    assert_eq!(jobs, [("job", "a", Some(32)), ("pre_job", "pre_a", Some(1))]);
    let error = |concurrency| Request { added: vec![spec(concurrency).into()], ..Request::default() }.error(&[]);
    assert_snapshot!(error(0), @"added job job: concurrency is 0; a number from 1 to 65535 is expected");
    assert_snapshot!(error(65_536), @"added job job: concurrency is 65536; a number from 1 to 65535 is expected");
}

#[test]
fn a_process_leaks_all_workers_its_own_too() {
    struct Loud;
    impl Worker for Loud {
        fn prefix(&self) -> String {
            "loud_".to_owned()
        }
    }
    impl Drop for Loud {
        fn drop(&mut self) {
            panic!("a destructor ran in the child");
        }
    }
    fn loud(_: &WorkerOptions) -> Result<Box<dyn Worker>, Error> {
        Ok(Box::new(Loud))
    }
    let types = [worker("app::Loud", loud, &[method("a")]), worker("app::Text", text, &[method("wrap")])];
    let process = Request::of(&["app"]).load(&types).unwrap().into_process("text_wrap").unwrap();
    assert_eq!(process.job().name, "text_wrap");
    assert_eq!(process.process_name("driver"), None);
    drop(Request::of(&["app"]).load(&types).unwrap().into_process("loud_a").unwrap());
    assert!(Request::of(&["app"]).load(&types).unwrap().into_process("nobody").is_none());
}
