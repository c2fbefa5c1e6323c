//! Which files of a data set's repository belong to which configuration and split: what the card says, else what the names say.

/// A configuration of a data set, with the patterns of each split's files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    pub name: String,
    /// Marked as the one to take where none is asked for.
    pub default: bool,
    pub splits: Vec<(String, Vec<String>)>,
}

/// `configs:` of the YAML before a card's text. Of YAML only what these lists are made of is read: maps, lists and plain or quoted words.
pub fn configs(card: &str) -> Vec<Config> {
    let front = card.strip_prefix("---").and_then(|rest| rest.split("\n---").next()).unwrap_or_default();
    let mut reader = Reader::default();
    let begin = |line: &&str| !line.starts_with("configs:");
    for line in front.lines().skip_while(begin).skip(1) {
        if !line.starts_with([' ', '-']) && !line.trim().is_empty() {
            break;
        }
        reader.line(line);
    }
    reader.configs.retain(|config| !config.splits.is_empty());
    reader.configs
}

#[derive(Default)]
struct Reader {
    configs: Vec<Config>,
    folder: String,
    split: Option<String>,
}

impl Reader {
    fn line(&mut self, line: &str) {
        let text = line.trim_start().trim_start_matches("- ").trim();
        let Some((key, value)) = text.split_once(':').filter(|(key, _)| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')) else {
            // An item of a list of files.
            self.files(text);
            return;
        };
        match key {
            "config_name" => {
                self.configs.push(Config { name: word(value), ..Config::default() });
                (self.split, self.folder) = (None, String::new());
            }
            "default" => self.configs.last_mut().into_iter().for_each(|config| config.default = value.trim() == "true"),
            "data_dir" => self.folder = word(value),
            "split" => self.split = Some(word(value)),
            "path" | "data_files" => self.files(value),
            _ => {}
        }
    }

    /// One pattern, or several in brackets.
    fn files(&mut self, value: &str) {
        let Some(config) = self.configs.last_mut() else { return };
        let split = self.split.clone().unwrap_or_else(|| "train".to_owned());
        let value = value.trim().trim_start_matches('[').trim_end_matches(']');
        for pattern in value.split(", ").map(word).filter(|pattern| !pattern.is_empty()) {
            let pattern = if self.folder.is_empty() { pattern } else { format!("{}/{pattern}", self.folder) };
            match config.splits.iter_mut().find(|(name, _)| *name == split) {
                Some((_, patterns)) => patterns.push(pattern),
                None => config.splits.push((split.clone(), vec![pattern])),
            }
        }
    }
}

fn word(value: &str) -> String {
    value.trim().trim_matches(['"', '\'']).to_owned()
}

/// `*` stands for anything but `/`, `**` for anything, `?` for one letter.
pub fn fits(pattern: &str, name: &str) -> bool {
    let pattern = pattern.trim_start_matches("./");
    let mut letters = pattern.chars();
    match letters.next() {
        None => name.is_empty(),
        Some('*') => {
            let (rest, deep) = pattern.strip_prefix("**").map_or((&pattern[1..], false), |rest| (rest, true));
            let rest = if deep { rest.strip_prefix('/').unwrap_or(rest) } else { rest };
            let ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            ends.take_while(|at| deep || !name[..*at].contains('/')).any(|at| fits(rest, &name[at..]))
        }
        Some('?') => name.chars().next().is_some_and(|first| first != '/' && fits(letters.as_str(), &name[first.len_utf8()..])),
        Some(letter) => name.strip_prefix(letter).is_some_and(|name| fits(letters.as_str(), name)),
    }
}

/// The words by which names say their split.
const SPLITS: &[(&str, &[&str])] =
    &[("train", &["train", "training"]), ("validation", &["validation", "valid", "dev", "val"]), ("test", &["test", "testing", "eval"])];

/// The split that a path names between other signs than letters and digits.
pub fn split_of(path: &str) -> Option<&'static str> {
    let words: Vec<String> = path.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_ascii_lowercase).collect();
    SPLITS.iter().find(|(_, keys)| keys.iter().any(|key| words.iter().any(|word| word == key))).map(|(split, _)| *split)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_names_configurations_and_splits() {
        let card = "---\nlicense: mit\nconfigs:\n- config_name: en\n  default: true\n  data_files:\n  - split: train\n    path: en/train-*\n  - split: test\n    \
                    path:\n    - \"en/test.jsonl\"\n    - en/more.jsonl\n- config_name: zh\n  data_files: zh/*.csv\n- config_name: dir\n  data_dir: d\n  data_files: ['a.csv', 'b.csv']\nsize: x\n---\ntext";
        let read = configs(card);
        let splits = |splits: &[(&str, &[&str])]| -> Vec<(String, Vec<String>)> {
            splits.iter().map(|(name, files)| ((*name).to_owned(), files.iter().map(|f| (*f).to_owned()).collect())).collect()
        };
        assert_eq!(read.len(), 3);
        assert_eq!((read[0].name.as_str(), read[0].default), ("en", true));
        assert_eq!(read[0].splits, splits(&[("train", &["en/train-*"]), ("test", &["en/test.jsonl", "en/more.jsonl"])]));
        assert_eq!(read[1].splits, splits(&[("train", &["zh/*.csv"])]));
        assert_eq!(read[2].splits, splits(&[("train", &["d/a.csv", "d/b.csv"])]));
        assert_eq!(configs("# no front matter"), []);
    }

    #[test]
    fn patterns_and_names() {
        assert!(fits("data/train-*", "data/train-00000-of-00002.parquet") && !fits("data/train-*", "data/train-1/x"));
        assert!(fits("**/*.csv", "a/b/c.csv") && fits("**/*.csv", "c.csv") && fits("a?.txt", "ab.txt") && !fits("*.csv", "a/c.csv"));
        assert_eq!(split_of("data/train-00000-of-00001.parquet"), Some("train"));
        assert_eq!((split_of("dev.jsonl"), split_of("trained.csv"), split_of("x/test/1.json")), (Some("validation"), None, Some("test")));
    }
}
