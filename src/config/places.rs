//! Where everything in the configuration file stands, by saphyr's events:
//! serde_yaml tells no places once a value is read.
//!
//! Anchors, aliases and tags are refused: nothing here needs them, and a few
//! aliases of aliases blow a small file up to gigabytes.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use saphyr_parser::{Event, Marker, Parser};

use super::fault::quoted;

/// Deeper than any key of ours by far, and safe for every recursion.
const DEEPEST: usize = 32;

/// A line and a column, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl Place {
    /// Where a file begins.
    pub const START: Self = Self { line: 1, column: 1 };

    fn of(marker: &Marker) -> Self {
        Self {
            line: marker.line().max(1),
            column: marker.col().saturating_add(1),
        }
    }
}

/// Something wrong with the YAML itself.
pub type Misplaced = (Place, String);

/// The place of a value: for an entry of a section that of its key.
pub struct Node {
    /// Its first character.
    pub place: Place,
    /// What is inside it.
    pub children: Children,
    /// Something was taken out here or below.
    pub is_damaged: bool,
}

/// What a value is made of.
pub enum Children {
    /// Nothing: it is a word, a number or empty.
    None,
    /// The items of a list.
    Items(Vec<Node>),
    /// The keys of a section.
    Keys(HashMap<String, Node>),
}

/// The places in `text`, nothing if it is empty, and the keys that stand there
/// twice, of which the first counts.
pub fn tree(text: &str) -> Result<(Option<Node>, Vec<Misplaced>), Misplaced> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let place = Place::of(error.marker());
            (place, format!("this is not valid YAML: {}", error.info()))
        })?;
        builder.take(event, Place::of(&span.start))?;
    }
    Ok((builder.root, builder.duplicates))
}

impl Node {
    fn new(place: Place, children: Children) -> Self {
        let is_damaged = false;
        Self {
            place,
            children,
            is_damaged,
        }
    }

    /// A node with nothing inside.
    pub fn leaf(place: Place) -> Self {
        Self::new(place, Children::None)
    }

    /// The node one step further: a key, or the number of an item.
    pub fn child(&self, step: &str) -> Option<&Node> {
        match &self.children {
            Children::None => None,
            Children::Items(items) => items.get(step.parse::<usize>().ok()?),
            Children::Keys(keys) => keys.get(step),
        }
    }

    /// Like [`Node::child`].
    pub fn child_mut(&mut self, step: &str) -> Option<&mut Node> {
        match &mut self.children {
            Children::None => None,
            Children::Items(items) => items.get_mut(step.parse::<usize>().ok()?),
            Children::Keys(keys) => keys.get_mut(step),
        }
    }
}

/// Builds the tree of places from the parser's events.
#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    duplicates: Vec<Misplaced>,
}

/// A list or section whose end has not come yet.
struct Open {
    place: Place,
    children: Children,
    /// The key whose value comes next.
    key: Option<(String, Place)>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, place: Place) -> Result<(), Misplaced> {
        let fault = |text: &str| Err((place, text.to_owned()));
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                fault("a second YAML document begins here; a configuration is only one")
            }
            Event::Alias(_) => fault("aliases (*name) are not taken here; write the value out"),
            Event::Scalar(_, _, anchor, _)
            | Event::SequenceStart(anchor, _)
            | Event::MappingStart(anchor, _)
                if anchor != 0 =>
            {
                fault("anchors (&name) are not taken here; write the value where it is needed")
            }
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => {
                fault("tags (!name) are not taken here; put text that begins with ! in quotes")
            }
            Event::Scalar(text, ..) => {
                match self.open.last_mut() {
                    Some(open) if open.awaits_key() => open.key = Some((text.into(), place)),
                    _ => self.close(Node::leaf(place)),
                }
                Ok(())
            }
            Event::SequenceStart(..) => self.begin(place, Children::Items(Vec::new())),
            Event::MappingStart(..) => self.begin(place, Children::Keys(HashMap::new())),
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(Open {
                    place, children, ..
                }) = self.open.pop()
                {
                    self.close(Node::new(place, children));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, place: Place, children: Children) -> Result<(), Misplaced> {
        if self.open.len() >= DEEPEST {
            let text = format!("lists and sections are nested more than {DEEPEST} deep here");
            return Err((place, text));
        }
        if self.open.last().is_some_and(Open::awaits_key) {
            return Err((place, "a key must be a plain word".to_owned()));
        }
        self.open.push(Open {
            place,
            children,
            key: None,
        });
        Ok(())
    }

    /// Puts a finished node where it belongs.
    fn close(&mut self, mut node: Node) {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        match &mut open.children {
            Children::None => {}
            Children::Items(items) => items.push(node),
            Children::Keys(keys) => {
                let Some((key, place)) = open.key.take() else {
                    return;
                };
                node.place = place;
                match keys.entry(key) {
                    Entry::Vacant(entry) => {
                        entry.insert(node);
                    }
                    Entry::Occupied(entry) => {
                        let text = format!(
                            "{} stands here a second time; it is already in line {}",
                            quoted(entry.key()),
                            entry.get().place.line
                        );
                        self.duplicates.push((place, text));
                    }
                }
            }
        }
    }
}

impl Open {
    fn awaits_key(&self) -> bool {
        matches!(self.children, Children::Keys(_)) && self.key.is_none()
    }
}
