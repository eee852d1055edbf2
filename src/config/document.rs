//! The configuration file as a tree of values (serde_yaml) beside a tree of
//! places, so that every fault found later can say where it stands.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::{Mapping, Value};

use super::places::{self, Children, Misplaced, Node, Place};

/// The file's values and where each of them stands.
pub struct Document {
    /// What the file says, with the empty list items left out.
    pub value: Value,
    root: Node,
}

impl Document {
    /// Reads `text`; also tells the keys that stand there twice, of which the
    /// first counts.
    pub fn parse(text: &str) -> Result<(Self, Vec<Misplaced>), Misplaced> {
        let (root, duplicates) = places::tree(text)?;
        let Some(root) = root else {
            let root = Node::leaf(Place::START);
            let value = Value::Null;
            return Ok((Self { value, root }, duplicates));
        };
        let FirstOfEach(value) = serde_yaml::from_str(text).map_err(|error| {
            let place = error.location().map_or(Place::START, |location| Place {
                line: location.line().max(1),
                column: location.column().max(1),
            });
            let text = error.to_string();
            let text = text.split(" at line ").next().unwrap_or(&text);
            (place, format!("this is not valid YAML: {text}"))
        })?;
        let mut document = Self { value, root };
        drop_empty_items(&mut document.value, &mut document.root);
        Ok((document, duplicates))
    }

    /// Where `path` stands; of a path that is not there, its nearest ancestor.
    pub fn place<'p>(&self, path: impl IntoIterator<Item = &'p str>) -> Place {
        let mut node = &self.root;
        for step in path {
            match node.child(step) {
                Some(child) => node = child,
                None => break,
            }
        }
        node.place
    }

    /// Takes a value out, because it was found to be wrong. The place of a key
    /// stays known; a list item goes altogether, so that numbers still match.
    pub fn take_out(&mut self, path: &[String]) {
        let Some((last, parents)) = path.split_last() else {
            self.value = Value::Null;
            return;
        };
        let mut value = &mut self.value;
        let mut node = &mut self.root;
        for step in parents {
            node.is_damaged = true;
            match (child_mut(value, step), node.child_mut(step)) {
                (Some(child), Some(child_node)) => (value, node) = (child, child_node),
                _ => return,
            }
        }
        node.is_damaged = true;
        match (value, &mut node.children) {
            (Value::Mapping(entries), Children::Keys(nodes)) => {
                entries.shift_remove(last.as_str());
                if let Some(node) = nodes.get_mut(last) {
                    node.is_damaged = true;
                }
            }
            (Value::Sequence(items), Children::Items(nodes)) => {
                let index = last.parse().unwrap_or(usize::MAX);
                if index < items.len().min(nodes.len()) {
                    items.remove(index);
                    nodes.remove(index);
                }
            }
            _ => {}
        }
    }

    /// The value at `path`.
    pub fn get(&self, path: &[String]) -> Option<&Value> {
        path.iter()
            .try_fold(&self.value, |value, step| child(value, step))
    }

    /// Whether the file has a value at `path` that was not taken out.
    pub fn is_written(&self, path: &str) -> bool {
        let value = path.split('.').try_fold(&self.value, child);
        value.is_some_and(|value| !value.is_null())
    }

    /// Whether what stands at `path` lost something to [`Document::take_out`].
    pub fn is_damaged(&self, path: &str) -> bool {
        let mut steps = path.split('.');
        let node = steps.try_fold(&self.root, |node, step| node.child(step));
        node.is_some_and(|node| node.is_damaged)
    }
}

fn child<'v>(value: &'v Value, step: &str) -> Option<&'v Value> {
    match value {
        Value::Sequence(items) => items.get(step.parse::<usize>().ok()?),
        Value::Mapping(entries) => entries.get(step),
        _ => None,
    }
}

fn child_mut<'v>(value: &'v mut Value, step: &str) -> Option<&'v mut Value> {
    match value {
        Value::Sequence(items) => items.get_mut(step.parse::<usize>().ok()?),
        Value::Mapping(entries) => entries.get_mut(step),
        _ => None,
    }
}

/// A lone `-` means nothing; out of both trees at once, so that the number of
/// an item is the same in both.
fn drop_empty_items(value: &mut Value, node: &mut Node) {
    match (value, &mut node.children) {
        (Value::Sequence(items), Children::Items(nodes)) => {
            let mut pairs: Vec<_> = items.drain(..).zip(nodes.drain(..)).collect();
            pairs.retain(|(item, _)| !item.is_null());
            for (mut item, mut node) in pairs {
                drop_empty_items(&mut item, &mut node);
                items.push(item);
                nodes.push(node);
            }
        }
        (Value::Mapping(entries), Children::Keys(nodes)) => {
            for (key, value) in entries.iter_mut() {
                if let Some(node) = key.as_str().and_then(|key| nodes.get_mut(key)) {
                    drop_empty_items(value, node);
                }
            }
        }
        _ => {}
    }
}

/// A [`Value`] read so that of two equal keys the first counts, where `Value`
/// itself would give up, and every key is text.
struct FirstOfEach(Value);

impl<'de> Deserialize<'de> for FirstOfEach {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue).map(Self)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<Value, E> {
        Ok(value.to_string().into())
    }

    fn visit_u128<E: de::Error>(self, value: u128) -> Result<Value, E> {
        Ok(value.to_string().into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(FirstOfEach(item)) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::Sequence(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut entries = Mapping::new();
        while let Some((key, FirstOfEach(value))) = access.next_entry::<String, _>()? {
            entries.entry(key.into()).or_insert(value);
        }
        Ok(Value::Mapping(entries))
    }
}
