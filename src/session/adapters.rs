//! Several adapters in one session: one is attached, the others wait under their names.

use std::collections::BTreeMap;
use std::path::Path;

use super::merge::Merged;
use super::{Saved, Session};
use crate::adapter::Adapter;
use crate::store;
use crate::words::adapters as words;
use crate::words::nearest::nearest;
use crate::{Error, Result};

/// The adapters that are not attached, and the name of the one that is.
#[derive(Default)]
pub(super) struct Shelf {
    pub(super) name: String,
    /// A person chose the name: such an adapter is kept, trained or not.
    given: bool,
    others: BTreeMap<String, Shelved>,
    /// In the order in which they were merged.
    pub(super) merged: Vec<Merged>,
}

struct Shelved {
    adapter: Adapter,
    unsaved: bool,
}

/// Where an adapter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Attached,
    Detached,
    Merged,
}

/// One row of the list.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    pub name: String,
    pub title: String,
    pub parameters: usize,
    pub standing: Standing,
    pub unsaved: bool,
}

impl Session {
    /// Attaches an adapter under `name`, or under a free one of its kind. The one that was attached stays under its own, unless it was
    /// made without a name and would lose nothing. A run that trained it ends.
    ///
    /// # Errors
    /// `AdapterTaken` where `name` is that of one that was trained and not saved; `BadValue` for a name that is none.
    pub fn attach_adapter(&mut self, name: Option<&str>, adapter: Adapter) -> Result<String> {
        if let Some(name) = name {
            self.check_name(name)?;
        }
        let given = name.is_some();
        self.shelve();
        let name = name.map_or_else(|| self.free_name(&adapter), str::to_owned);
        self.shelf.others.remove(&name);
        self.put_on(name.clone(), given, Shelved { adapter, unsaved: false });
        Ok(name)
    }

    /// Attaches an adapter under a free name, or takes the attached one off.
    pub fn set_adapter(&mut self, adapter: Option<Adapter>) {
        match adapter {
            // Without a name there is none that could be taken.
            Some(adapter) => drop(self.attach_adapter(None, adapter)),
            None => {
                self.shelve();
                self.publish();
            }
        }
    }

    /// Attaches the adapter called `name` in place of the one that is attached.
    ///
    /// # Errors
    /// `NoAdapterNamed`; `AdapterMerged` for one whose delta the weights hold already.
    pub fn switch_adapter(&mut self, name: &str) -> Result<()> {
        if self.is_merged(name) {
            return Err(Error::AdapterMerged { name: name.to_owned() });
        }
        if self.adapter.is_some() && self.shelf.name == name {
            return Ok(());
        }
        let shelved = self.shelf.others.remove(name).ok_or_else(|| self.no_adapter(name))?;
        self.shelve();
        self.put_on(name.to_owned(), true, shelved);
        Ok(())
    }

    /// Takes the attached adapter off; it waits under its name, trained or not.
    ///
    /// # Errors
    /// `NoAdapter`.
    pub fn detach_adapter(&mut self) -> Result<()> {
        self.adapter_called(None)?;
        self.shelve_as_given();
        self.publish();
        Ok(())
    }

    /// Forgets the adapter called `name`, trained or not.
    ///
    /// # Errors
    /// `NoAdapterNamed`; `AdapterMerged`.
    pub fn drop_adapter(&mut self, name: &str) -> Result<()> {
        if self.is_merged(name) {
            return Err(Error::AdapterMerged { name: name.to_owned() });
        }
        if self.adapter.is_some() && self.shelf.name == name {
            self.run = None;
            self.adapter = None;
            self.unsaved.adapter = false;
        } else if self.shelf.others.remove(name).is_none() {
            return Err(self.no_adapter(name));
        }
        self.publish();
        Ok(())
    }

    /// Name of the attached adapter.
    pub fn adapter_name(&self) -> Option<&str> {
        self.adapter.as_ref().map(|_| self.shelf.name.as_str())
    }

    /// The adapter called `name`, or the attached one.
    ///
    /// # Errors
    /// `NoAdapterNamed`, `NoAdapter`.
    pub fn adapter_called(&self, name: Option<&str>) -> Result<&Adapter> {
        let Some(name) = name else { return self.adapter.as_ref().ok_or(Error::NoAdapter {}) };
        let attached = self.adapter.as_ref().filter(|_| self.shelf.name == name);
        attached.or_else(|| self.shelf.others.get(name).map(|other| &other.adapter)).ok_or_else(|| self.no_adapter(name))
    }

    /// All adapters: the attached one first, then by name.
    pub fn adapters(&self) -> Vec<Listed> {
        let row = |name: &str, adapter: &Adapter, standing, unsaved| Listed {
            name: name.to_owned(),
            title: adapter.title(),
            parameters: adapter.parameters(),
            standing,
            unsaved,
        };
        let attached = self.adapter.iter().map(|adapter| row(&self.shelf.name, adapter, Standing::Attached, self.unsaved.adapter));
        let others = self.shelf.others.iter().map(|(name, other)| {
            let standing = if self.is_merged(name) { Standing::Merged } else { Standing::Detached };
            row(name, &other.adapter, standing, other.unsaved)
        });
        attached.chain(others).collect()
    }

    /// Writes the adapter called `name` in PEFT's layout, attached or not.
    ///
    /// # Errors
    /// `NoAdapterNamed`; those of [`Session::save`].
    pub fn save_adapter(&mut self, name: &str, folder: &Path) -> Result<Saved> {
        let (adapter, model) = (self.adapter_called(Some(name))?, &self.base()?.model);
        store::check_room(folder, adapter.parameters() as u64 * 4)?;
        let (names, kept) = store::atomic_folder(folder, |folder| adapter.save(folder, model))?;
        match self.shelf.others.get_mut(name) {
            Some(other) => other.unsaved = false,
            None => self.unsaved.adapter = false,
        }
        self.publish();
        let files = names.iter().filter_map(|path| path.file_name()).map(|name| folder.join(name)).collect();
        Ok(Saved { files, kept, widened: None })
    }

    /// Names of adapters that were trained, not saved and are not attached.
    pub(super) fn unsaved_others(&self) -> impl Iterator<Item = String> {
        self.shelf.others.iter().filter(|(_, other)| other.unsaved).map(|(name, other)| format!("{name} ({})", other.adapter.title()))
    }

    fn is_merged(&self, name: &str) -> bool {
        self.shelf.merged.iter().any(|merged| merged.name == name)
    }

    /// Takes the attached adapter off. It waits under its name unless nothing would be lost.
    fn shelve(&mut self) {
        self.run = None;
        self.generation = None;
        let unsaved = std::mem::take(&mut self.unsaved.adapter);
        let Some(adapter) = self.adapter.take().filter(|_| unsaved || self.shelf.given) else { return };
        self.shelf.others.insert(self.shelf.name.clone(), Shelved { adapter, unsaved });
    }

    pub(super) fn shelve_as_given(&mut self) {
        self.shelf.given = true;
        self.shelve();
    }

    fn put_on(&mut self, name: String, given: bool, shelved: Shelved) {
        self.run = None;
        self.frozen = None;
        (self.shelf.name, self.shelf.given) = (name, given);
        (self.adapter, self.unsaved.adapter) = (Some(shelved.adapter), shelved.unsaved);
        self.publish();
    }

    /// `lora`, or `lora-2` where that is there already.
    fn free_name(&self, adapter: &Adapter) -> String {
        let title = adapter.title();
        let kind = title.split(' ').next().unwrap_or_default();
        let free = |name: &String| {
            let attached = self.adapter.is_some() && self.shelf.name == *name;
            !attached && !self.shelf.others.contains_key(name)
        };
        (1..).map(|i| if i == 1 { kind.to_owned() } else { format!("{kind}-{i}") }).find(free).unwrap_or_default()
    }

    /// A name that may be given to an adapter: letters, digits, `-_.+`; not that of one that would be lost.
    ///
    /// # Errors
    /// `BadValue`; `AdapterTaken`; `AdapterMerged`.
    pub fn check_name(&self, name: &str) -> Result<()> {
        if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || "-_.+".contains(c)) {
            let (given, allowed) = (name.to_owned(), words::NAME_FORM.to_string());
            return Err(Error::BadValue { option: "name".to_owned(), given, allowed });
        }
        if self.is_merged(name) {
            return Err(Error::AdapterMerged { name: name.to_owned() });
        }
        if self.adapters().iter().any(|row| row.name == name && row.unsaved) {
            return Err(Error::AdapterTaken { name: name.to_owned() });
        }
        Ok(())
    }

    fn no_adapter(&self, given: &str) -> Error {
        let names: Vec<String> = self.adapters().into_iter().map(|row| row.name).collect();
        Error::NoAdapterNamed { given: given.to_owned(), nearest: nearest(given, names.iter().map(String::as_str)) }
    }

    /// Puts an adapter beside the attached one, under a free name; it was trained and not saved.
    pub(super) fn keep_adapter(&mut self, adapter: Adapter) -> String {
        let name = self.free_name(&adapter);
        self.shelf.others.insert(name.clone(), Shelved { adapter, unsaved: true });
        name
    }
}
