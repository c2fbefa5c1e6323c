//! Where repositories of models and data sets are asked for: the hub, its mirrors, ModelScope; the variables are those of Python's huggingface_hub.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

const HUB: &str = "https://huggingface.co";
const MIRROR: &str = "https://hf-mirror.com";
const MODELSCOPE: &str = "https://www.modelscope.cn";

/// Short names that `HF_ENDPOINT` accepts besides addresses.
const SHORT: &[(&str, &str)] = &[("huggingface", HUB), ("hf-mirror", MIRROR), ("modelscope", MODELSCOPE)];

/// What paths a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `/api/models/ID/revision/main`, `/ID/resolve/COMMIT/FILE`.
    Hub,
    /// `/api/v1/models/ID/repo/files` (of a data set `/api/v1/datasets/ID/repo/tree`), `…/repo?FilePath=FILE`.
    ModelScope,
}

/// One server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Without a slash at the end.
    pub url: String,
    pub layout: Layout,
    /// Sent to this server only, never to where it redirects.
    pub token: Option<String>,
}

impl Endpoint {
    pub fn new(url: &str, layout: Layout) -> Self {
        Self { url: url.trim_end_matches('/').to_owned(), layout, token: None }
    }

    fn named(given: &str) -> Self {
        let url = SHORT.iter().find(|(name, _)| given.eq_ignore_ascii_case(name)).map_or(given, |(_, url)| url);
        let url = if url.contains("://") { url.to_owned() } else { format!("https://{url}") };
        let layout = if url.contains("modelscope") { Layout::ModelScope } else { Layout::Hub };
        Self::new(&url, layout)
    }
}

/// The servers in the order in which they are tried, and how patiently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    pub list: Vec<Endpoint>,
    /// Use what is in `folder` and no network.
    pub offline: bool,
    /// Holds `models--OWNER--NAME` folders, shared with Python.
    pub folder: PathBuf,
    /// How often one server is tried without a byte gained.
    pub attempts: u32,
    /// Between two attempts, times the number of failures so far.
    pub pause: Duration,
    /// The longest wait that a server may ask for.
    pub longest_wait: Duration,
    /// How long nothing may come before a connection is given up.
    pub patience: Duration,
}

impl Endpoints {
    /// These servers with the usual patience; nothing is read from the environment.
    pub fn new(list: Vec<Endpoint>, folder: PathBuf) -> Self {
        let seconds = Duration::from_secs;
        Self { list, offline: false, folder, attempts: 5, pause: seconds(1), longest_wait: seconds(120), patience: seconds(30) }
    }

    /// As `HF_ENDPOINT`, `HF_TOKEN`, `HF_HUB_OFFLINE`, `HF_HOME` and their kin say; without a home folder, inside `cache`.
    ///
    /// `HF_ENDPOINT` may name several servers, with commas between. Without it: the hub, its mirror, ModelScope. The token goes to
    /// servers that the person named, or to the hub, not to the mirrors that are tried on their own.
    pub fn from_environment(cache: &Path) -> Self {
        Self::from(&|name| std::env::var_os(name), std::env::home_dir(), cache)
    }

    fn from(variable: &dyn Fn(&str) -> Option<OsString>, person: Option<PathBuf>, cache: &Path) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let text = |name: &str| set(name).map(|value| value.to_string_lossy().trim().to_owned());
        let on = |name: &str| text(name).is_some_and(|value| ["1", "ON", "YES", "TRUE"].contains(&value.to_uppercase().as_str()));
        let home = set("HF_HOME").map(PathBuf::from);
        let home = home.or_else(|| set("XDG_CACHE_HOME").map(|folder| PathBuf::from(folder).join("huggingface")));
        let home = home.or_else(|| person.map(|folder| folder.join(".cache/huggingface"))).unwrap_or_else(|| cache.to_owned());
        let folder = set("HF_HUB_CACHE").or_else(|| set("HUGGINGFACE_HUB_CACHE")).map_or_else(|| home.join("hub"), PathBuf::from);
        let token = if on("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
            None
        } else {
            let file = set("HF_TOKEN_PATH").map_or_else(|| home.join("token"), PathBuf::from);
            text("HF_TOKEN")
                .or_else(|| std::fs::read_to_string(file).ok().map(|text| text.trim().to_owned()))
                .filter(|text| !text.is_empty())
        };
        let named: Vec<Endpoint> = text("HF_ENDPOINT")
            .map(|list| list.split([',', ' ', ';']).filter(|given| !given.is_empty()).map(Endpoint::named).collect())
            .unwrap_or_default();
        let own = !named.is_empty();
        let mut list = if own { named } else { vec![Endpoint::named(HUB), Endpoint::named(MIRROR), Endpoint::named(MODELSCOPE)] };
        for endpoint in list.iter_mut().filter(|endpoint| endpoint.layout == Layout::Hub && (own || endpoint.url == HUB)) {
            endpoint.token.clone_from(&token);
        }
        Self { offline: on("HF_HUB_OFFLINE") || on("TRANSFORMERS_OFFLINE"), ..Self::new(list, folder) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &[(&str, &str)]) -> Endpoints {
        let variable = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
        Endpoints::from(&variable, Some(PathBuf::from("/nowhere")), Path::new("/cache"))
    }

    fn urls(endpoints: &Endpoints) -> Vec<(&str, Option<&str>)> {
        endpoints.list.iter().map(|endpoint| (endpoint.url.as_str(), endpoint.token.as_deref())).collect()
    }

    #[test]
    fn the_variables_mean_what_they_mean_in_python() {
        let plain = from(&[]);
        assert_eq!((plain.offline, plain.folder.clone()), (false, PathBuf::from("/nowhere/.cache/huggingface/hub")));
        assert_eq!(urls(&plain), [(HUB, None), (MIRROR, None), (MODELSCOPE, None)]);
        assert_eq!(from(&[("HF_HOME", "/h")]).folder, PathBuf::from("/h/hub"));
        assert_eq!(from(&[("HF_HOME", "/h"), ("HF_HUB_CACHE", "/c")]).folder, PathBuf::from("/c"));
        assert_eq!(from(&[("XDG_CACHE_HOME", "/x")]).folder, PathBuf::from("/x/huggingface/hub"));
        assert!(from(&[("HF_HUB_OFFLINE", "1")]).offline && from(&[("HF_HUB_OFFLINE", "true")]).offline);
        assert!(!from(&[("HF_HUB_OFFLINE", "0")]).offline);
    }

    #[test]
    fn a_token_goes_to_the_hub_or_to_servers_that_were_named() {
        assert_eq!(urls(&from(&[("HF_TOKEN", "t")])), [(HUB, Some("t")), (MIRROR, None), (MODELSCOPE, None)]);
        let named = from(&[("HF_TOKEN", " t "), ("HF_ENDPOINT", "http://a.example/, modelscope,hf-mirror")]);
        assert_eq!(urls(&named), [("http://a.example", Some("t")), (MODELSCOPE, None), (MIRROR, Some("t"))]);
        let layouts: Vec<Layout> = named.list.iter().map(|endpoint| endpoint.layout).collect();
        assert_eq!(layouts, [Layout::Hub, Layout::ModelScope, Layout::Hub]);
        assert_eq!(urls(&from(&[("HF_TOKEN", "t"), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]))[0], (HUB, None));
    }
}
