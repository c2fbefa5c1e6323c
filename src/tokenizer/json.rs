//! `tojson` as transformers defines it: Python's `json.dumps` without ASCII escapes, spaces after `,` and `:`.

use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Error, ErrorKind};

/// The Jinja filter; `indent` is the one option that templates use.
pub fn filter(value: &Value, options: Kwargs) -> Result<Value, Error> {
    let indent: Option<usize> = options.get("indent")?;
    let mut text = String::new();
    write(value, indent, 0, &mut text)?;
    Ok(Value::from(text))
}

fn write(value: &Value, indent: Option<usize>, depth: usize, out: &mut String) -> Result<(), Error> {
    match value.kind() {
        ValueKind::Map => {
            let fields = value.try_iter()?.map(|name| Ok((Some(name.to_string()), value.get_item(&name)?)));
            list(fields.collect::<Result<_, Error>>()?, ['{', '}'], indent, depth, out)
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter()?.map(|item| (None, item));
            list(items.collect(), ['[', ']'], indent, depth, out)
        }
        _ => {
            let scalar = serde_json::to_string(value).map_err(|cause| Error::new(ErrorKind::BadSerialization, cause.to_string()))?;
            out.push_str(&scalar);
            Ok(())
        }
    }
}

type Items = Vec<(Option<String>, Value)>;

fn list(items: Items, around: [char; 2], indent: Option<usize>, depth: usize, out: &mut String) -> Result<(), Error> {
    let line = |depth: usize, out: &mut String| {
        if let Some(width) = indent {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', width * depth));
        }
    };
    let empty = items.is_empty();
    out.push(around[0]);
    for (i, (name, item)) in items.into_iter().enumerate() {
        if i > 0 {
            out.push_str(if indent.is_some() { "," } else { ", " });
        }
        line(depth + 1, out);
        if let Some(name) = name {
            out.push_str(&serde_json::Value::from(name).to_string());
            out.push_str(": ");
        }
        write(&item, indent, depth + 1, out)?;
    }
    if !empty {
        line(depth, out);
    }
    out.push(around[1]);
    Ok(())
}
