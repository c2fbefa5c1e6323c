use wire::{Value, value};

use super::{Magic, Out, Topic};
use crate::session::Session;
use crate::words::{self, Lang};
use crate::{Error, Result};

/// Show or set the language of messages and help
///
/// The choice lasts: later sessions begin with it, unless `--lang` or LANTERN_LANG say otherwise.
#[derive(clap::Args)]
pub struct Args {
    /// `en` or `zh`
    #[arg(value_name = "LANG", value_parser = ["en", "zh"])]
    lang: Option<String>,
}

impl Magic for Args {
    const TOPIC: Topic = Topic::Session;
    const EXAMPLES: &'static [&'static str] = &["%lang", "%lang zh"];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        if let Some(given) = self.lang {
            let lang = Lang::parse(&given).ok_or(Error::BadValue { option: "lang".into(), given, allowed: "en, zh".into() })?;
            words::set_lang(lang);
            // A home that cannot be written costs the memory of it, not the language.
            if let Err(error) = session.remember_lang(lang) {
                let report = error.report();
                let colon = if lang == Lang::Zh { "：" } else { ": " };
                let cause = report.cause.map_or_else(String::new, |cause| format!("{colon}{cause}"));
                out.warn(&format!("{}{cause}\n", report.message));
            }
        }
        out.line(words::ui::LANGUAGE.text());
        Ok(value::Lang { lang: words::lang().code().to_owned() }.into())
    }
}
