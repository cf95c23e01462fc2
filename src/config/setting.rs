//! What can stand behind a key: how it is read, shown again, and named when something else stands there.

use std::path::PathBuf;

use toml::de::DeValue;

use super::words::Words;

/// A kind of value.
pub(super) trait Setting: Sized {
    /// What is expected, as the end of "expected ...".
    fn form() -> Words;

    /// Reads it; `None` when it has not that form.
    fn read(value: &DeValue<'_>) -> Option<Self>;

    /// Shows it as the file would have it.
    fn show(&self) -> String;
}

/// One of a few names.
pub(super) trait Choice: Copy + PartialEq + 'static {
    /// Every member with its name.
    fn choices() -> Vec<(Self, &'static str)>;
}

impl<T: Choice> Setting for T {
    fn form() -> Words {
        let names: Vec<String> = Self::choices().iter().map(|(_, name)| format!("\"{name}\"")).collect();
        Words::new(format!("one of {}", names.join(", ")), format!("以下之一：{}", names.join("、")))
    }

    fn read(value: &DeValue<'_>) -> Option<Self> {
        let text = value.as_str()?;
        Self::choices().into_iter().find(|(_, name)| *name == text).map(|(member, _)| member)
    }

    fn show(&self) -> String {
        let name =
            Self::choices().into_iter().find(|(member, _)| member == self).map_or("", |(_, name)| name);
        format!("\"{name}\"")
    }
}

impl Setting for bool {
    fn form() -> Words {
        Words::of("true or false", " true 或 false")
    }

    fn read(value: &DeValue<'_>) -> Option<Self> {
        value.as_bool()
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for u8 {
    fn form() -> Words {
        u32::form()
    }

    fn read(value: &DeValue<'_>) -> Option<Self> {
        Self::try_from(u32::read(value)?).ok()
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for u32 {
    fn form() -> Words {
        Words::of("a whole number", "整数")
    }

    fn read(value: &DeValue<'_>) -> Option<Self> {
        let integer = value.as_integer()?;
        Self::from_str_radix(integer.as_str(), integer.radix()).ok()
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for String {
    fn form() -> Words {
        Words::of("a text in double quotes", "双引号内的文本")
    }

    fn read(value: &DeValue<'_>) -> Option<Self> {
        let text = value.as_str()?;
        let fits = !text.trim().is_empty() && !text.chars().any(char::is_control);
        fits.then(|| text.to_owned())
    }

    fn show(&self) -> String {
        quoted(self)
    }
}

impl Setting for PathBuf {
    fn form() -> Words {
        Words::of("a path in double quotes", "双引号内的路径")
    }

    fn read(value: &DeValue<'_>) -> Option<Self> {
        String::read(value).map(Self::from)
    }

    fn show(&self) -> String {
        quoted(&self.display().to_string())
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn form() -> Words {
        let Words { en, zh } = T::form();
        Words::new(format!("a list in square brackets, each {en}"), format!("方括号内的列表，每项为{zh}"))
    }

    fn read(value: &DeValue<'_>) -> Option<Self> {
        value.as_array()?.iter().map(|item| T::read(item.get_ref())).collect()
    }

    fn show(&self) -> String {
        let items: Vec<String> = self.iter().map(T::show).collect();
        format!("[{}]", items.join(", "))
    }
}

/// A text as TOML writes it.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
