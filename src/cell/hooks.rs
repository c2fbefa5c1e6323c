//! Hooks of a Rust cell: activations that it looks at, or changes, during the forward passes that it asks for.

use wire::lab::{Answer, Array, Ask};

use super::rust::display;
use crate::magic::Out;
use crate::model::Site;
use crate::rust::{Caller, Meanwhile, calls};
use crate::session::{Nobody, Numbers, Session, Watch};
use crate::{Error, Result};

/// Those of one cell; they end with it.
#[derive(Debug, Default)]
pub struct Hooks {
    all: Vec<(u64, usize, Site)>,
    last: u64,
}

impl Hooks {
    /// # Errors
    /// `NoModel`, `NoActivation`.
    pub fn add(&mut self, name: &str, session: &Session) -> Result<Answer> {
        let (layer, site) = session.site(name)?;
        self.last += 1;
        self.all.push((self.last, layer, site));
        Ok(Answer::Hook { hook: self.last })
    }

    pub fn remove(&mut self, hook: u64) -> Answer {
        self.all.retain(|(known, ..)| *known != hook);
        Answer::Done
    }
}

/// A forward pass in which hooks are asked.
pub struct Watching<'a, 'o, 'c, 'l> {
    pub hooks: &'a Hooks,
    pub session: &'a Session,
    pub out: &'a mut Out<'o>,
    pub caller: &'c mut Caller<'l>,
}

impl Watch for Watching<'_, '_, '_, '_> {
    fn wants(&self, layer: usize, site: Site) -> bool {
        self.hooks.all.iter().any(|(_, at, of)| (*at, *of) == (layer, site))
    }

    /// Each hook gets what the one before it made.
    fn change(&mut self, layer: usize, site: Site, (shape, dtype, data): Numbers) -> Result<Option<(Vec<usize>, Vec<f32>)>> {
        let mut array = Array { shape, dtype, data };
        let mut changed = false;
        let hooks = self.hooks;
        for (hook, ..) in hooks.all.iter().filter(|(_, at, of)| (*at, *of) == (layer, site)) {
            self.caller.hook(*hook, array.clone());
            if let Some(other) = self.come_back()? {
                (array, changed) = (other, true);
            }
        }
        Ok(changed.then_some((array.shape, array.data)))
    }
}

impl Watching<'_, '_, '_, '_> {
    fn come_back(&mut self) -> Result<Option<Array>> {
        loop {
            match self.caller.hear()? {
                Meanwhile::Changed(array) => return Ok(array),
                Meanwhile::Printed { error: true, text } => self.out.warn(&text),
                Meanwhile::Printed { error: false, text } => self.out.print(&text),
                Meanwhile::Asked(ask) => {
                    let answer = self.meanwhile(ask);
                    self.caller.say(answer);
                }
            }
        }
    }

    /// A hook may look (where no hook is asked) and show.
    fn meanwhile(&mut self, ask: Ask) -> Answer {
        let refused = || Answer::Failed { report: Error::InHook {}.report() };
        match calls::look(&ask, self.session, &mut Nobody) {
            Some(answer) => answer,
            None => display(&ask, self.out).map_or_else(refused, |shown| shown.unwrap_or_else(|report| Answer::Failed { report })),
        }
    }
}
