//! One strict reader for every kind of tree.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::JsonError;
use super::exact::NumberTexts;

/// What a JSON text is read into.
pub(super) trait Tree: Sized {
    /// The members of an object that is being read; names may borrow from the text.
    type Members<'t>: Default;

    fn null() -> Self;
    fn bool(value: bool) -> Self;
    /// `texts` gives the text of this number; to be asked once for each, if at all.
    fn number(value: serde_json::Number, texts: &NumberTexts<'_>) -> Option<Self>;
    fn string(value: &str) -> Self;
    fn array(elements: Vec<Self>) -> Self;
    fn has(members: &Self::Members<'_>, name: &str) -> bool;
    fn insert<'t>(members: &mut Self::Members<'t>, name: Cow<'t, str>, value: Self);
    fn object(members: Self::Members<'_>) -> Self;

    /// Reads one value and nothing after it.
    fn read(text: &[u8], max_depth: usize) -> Result<Self, JsonError> {
        Self::read_told(text, max_depth).map_err(|(fault, _)| fault)
    }

    /// The same. With the fault goes what there is to say of it, with line and column; it may quote the text.
    fn read_told(text: &[u8], max_depth: usize) -> Result<Self, (JsonError, Option<serde_json::Error>)> {
        let text = std::str::from_utf8(text).map_err(|_| (JsonError::NotUtf8, None))?;
        let reading = Reading { fault: Cell::new(JsonError::Syntax), numbers: NumberTexts::of(text) };
        let strict = Strict { depth_left: max_depth, reading: &reading, tree: PhantomData };
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let tree = strict.deserialize(&mut deserializer).map_err(|error| (reading.fault.get(), Some(error)))?;
        deserializer.end().map_err(|error| (JsonError::Syntax, Some(error)))?;
        Ok(tree)
    }
}

impl Tree for Value {
    type Members<'t> = Map<String, Self>;

    fn null() -> Self {
        Self::Null
    }

    fn bool(value: bool) -> Self {
        Self::Bool(value)
    }

    fn number(value: serde_json::Number, _texts: &NumberTexts<'_>) -> Option<Self> {
        Some(Self::Number(value))
    }

    fn string(value: &str) -> Self {
        Self::String(value.to_owned())
    }

    fn array(elements: Vec<Self>) -> Self {
        Self::Array(elements)
    }

    fn has(members: &Self::Members<'_>, name: &str) -> bool {
        members.contains_key(name)
    }

    fn insert<'t>(members: &mut Self::Members<'t>, name: Cow<'t, str>, value: Self) {
        members.insert(name.into_owned(), value);
    }

    fn object(members: Self::Members<'_>) -> Self {
        Self::Object(members)
    }
}

/// What the whole of one reading shares.
struct Reading<'t> {
    fault: Cell<JsonError>,
    numbers: NumberTexts<'t>,
}

/// Builds a tree while refusing what serde_json itself would take: repeated names (it keeps the last) and depth.
struct Strict<'r, 't, T> {
    depth_left: usize,
    reading: &'r Reading<'t>,
    tree: PhantomData<T>,
}

// Derived ones would ask the same of `T`.
impl<T> Clone for Strict<'_, '_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Strict<'_, '_, T> {}

impl<T: Tree> Strict<'_, '_, T> {
    /// One level down.
    fn enter<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.depth_left.checked_sub(1) {
            Some(depth_left) => Ok(Self { depth_left, ..self }),
            None => {
                self.reading.fault.set(JsonError::TooDeep);
                Err(E::custom("it is nested too deep"))
            }
        }
    }

    fn number<E: serde::de::Error>(self, value: serde_json::Number) -> Result<T, E> {
        T::number(value, &self.reading.numbers).ok_or_else(|| E::custom("a number is out of range"))
    }
}

impl<'de, T: Tree> DeserializeSeed<'de> for Strict<'_, '_, T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Tree> Visitor<'de> for Strict<'_, '_, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::null())
    }

    fn visit_bool<E>(self, value: bool) -> Result<T, E> {
        Ok(T::bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<T, E> {
        self.number(value.into())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<T, E> {
        self.number(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<T, E> {
        self.number(serde_json::Number::from_f64(value).ok_or_else(|| E::custom("a number is out of range"))?)
    }

    fn visit_str<E>(self, value: &str) -> Result<T, E> {
        Ok(T::string(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<T, A::Error> {
        let inner = self.enter()?;
        let mut elements = Vec::new();
        while let Some(element) = sequence.next_element_seed(inner)? {
            elements.push(element);
        }
        Ok(T::array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<T, A::Error> {
        let inner = self.enter()?;
        let mut members = T::Members::default();
        while let Some(Name(name)) = object.next_key()? {
            if T::has(&members, &name) {
                self.reading.fault.set(JsonError::DuplicateMember);
                return Err(A::Error::custom(format_args!("the member {name:?} is there twice")));
            }
            let value = object.next_value_seed(inner)?;
            T::insert(&mut members, name, value);
        }
        Ok(T::object(members))
    }
}

/// The name of a member, borrowed from the text if it has no escapes.
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(name))
            }

            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(name.to_owned()))
            }
        }
        deserializer.deserialize_str(Text).map(Self)
    }
}
