//! Which worker types a list of namespaces takes.

use std::collections::BTreeSet;

use super::LoadError;
use crate::api::registry::WorkerType;

/// A type that a namespace takes.
pub(super) struct Selected {
    pub(super) worker: &'static WorkerType,
    /// `wanted` said no.
    pub(super) refused: bool,
}

/// The types of the namespaces, each once, in path order. Types without a job method are skipped, as in the original.
pub(super) fn select(
    types: &[&'static WorkerType],
    namespaces: &[String],
    wanted: Option<&dyn Fn(&str) -> bool>,
) -> Result<Vec<Selected>, LoadError> {
    let types: Vec<_> = types.iter().copied().filter(|worker| !worker.methods.is_empty()).collect();
    let namespaces: Vec<&str> = namespaces.iter().map(|name| name.trim().trim_matches(':')).collect();
    for namespace in &namespaces {
        if !types.iter().any(|worker| lies_in(worker.path, namespace)) {
            return Err(LoadError::EmptyNamespace {
                namespace: (*namespace).to_owned(),
                suggestion: nearest(namespace, types.iter().flat_map(|worker| ancestors(worker.path))),
                known: modules(&types),
            });
        }
    }
    Ok(types
        .into_iter()
        .filter(|worker| namespaces.iter().any(|namespace| lies_in(worker.path, namespace)))
        .map(|worker| Selected { worker, refused: wanted.is_some_and(|wanted| !wanted(worker.path)) })
        .collect())
}

/// The modules that have workers with a job, sorted.
pub(super) fn modules(types: &[&'static WorkerType]) -> Vec<String> {
    let with_jobs = types.iter().filter(|worker| !worker.methods.is_empty());
    let modules: BTreeSet<&str> = with_jobs.map(|worker| parent(worker.path)).collect();
    modules.into_iter().map(str::to_owned).collect()
}

/// Whether `path` is `namespace` or lies below it; `a::b_old` does not lie below `a::b`.
pub(super) fn lies_in(path: &str, namespace: &str) -> bool {
    path.strip_prefix(namespace).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The candidate that is spelled most like `name`, if any is near.
pub(super) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= 0.7)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate.to_owned())
}

fn parent(path: &str) -> &str {
    path.rsplit_once("::").map_or("", |(module, _)| module)
}

/// `a::b::C` lies in `a::b::C`, `a::b` and `a`.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| path.rsplit_once("::").map(|(module, _)| module))
}
