//! What pages are dressed with: one style, one script and one picture, in the binary and under addresses that change with
//! their content.

use std::fmt::Write;
use std::sync::LazyLock;

use ring::digest;

/// A file that pages name.
#[derive(Debug)]
pub struct Asset {
    /// Its address, which holds a hash of its content: it may be kept for ever.
    pub path: String,
    /// What it is.
    pub content_type: &'static str,
    /// Its content.
    pub body: &'static str,
}

/// The style of all pages.
pub static STYLE: LazyLock<Asset> =
    LazyLock::new(|| asset("css", "text/css; charset=utf-8", include_str!("console.css")));

/// The script, without which every page works.
pub static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| asset("js", "text/javascript; charset=utf-8", include_str!("console.js")));

/// The picture in the tab.
pub static ICON: LazyLock<Asset> =
    LazyLock::new(|| asset("svg", "image/svg+xml", include_str!("console.svg")));

/// The asset at this address.
#[must_use]
pub fn find(path: &str) -> Option<&'static Asset> {
    [&*STYLE, &*SCRIPT, &*ICON].into_iter().find(|asset| asset.path == path)
}

/// What a page may load and where its forms may go, for the header `Content-Security-Policy`: from here and to here, and
/// nothing within the page runs.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

fn asset(ending: &str, content_type: &'static str, body: &'static str) -> Asset {
    let digest = digest::digest(&digest::SHA256, body.as_bytes());
    let hash = digest.as_ref().iter().take(8).fold(String::new(), |mut hash, byte| {
        // Writing into a string cannot fail.
        let _ = write!(hash, "{byte:02x}");
        hash
    });
    Asset { path: format!("/assets/console-{hash}.{ending}"), content_type, body }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a browser of 2020 (Chromium 86) does not know; found in code without its comments.
    const TOO_NEW_IN_CSS: &[&str] = &[
        ":has(",
        ":is(",
        ":where(",
        ":not(:not",
        "@layer",
        "@container",
        "@property",
        "@scope",
        "@starting-style",
        "color-mix(",
        "light-dark(",
        "oklch(",
        "oklab(",
        "lab(",
        "lch(",
        "inset:",
        "inset-",
        "aspect-ratio",
        "accent-color",
        "text-wrap",
        "dvh",
        "svh",
        "lvh",
        "cqw",
        "cqi",
        "subgrid",
        "scrollbar-gutter",
        "scrollbar-color",
        "overflow: clip",
        "overflow-clip",
        "margin-trim",
        "backdrop-filter: none",
        "translate:",
        "rotate:",
        "scale:",
        "font-palette",
        "content-visibility: hidden",
        "round(",
        "sin(",
        "&:",
        "& ",
        "> {",
    ];
    const TOO_NEW_IN_JS: &[&str] = &[
        ".at(",
        "replaceAll",
        "structuredClone",
        "Object.hasOwn",
        ".findLast",
        ".toSorted",
        ".toReversed",
        ".toSpliced",
        ".with(",
        "Array.fromAsync",
        "Object.groupBy",
        "Promise.any",
        "Promise.withResolvers",
        "AggregateError",
        "WeakRef",
        "??=",
        "||=",
        "&&=",
        "static {",
        "import ",
        "import(",
        "await ",
        "crypto.randomUUID",
        "AbortSignal.timeout",
        "showModal",
        "popover",
        "replaceChildren",
        "Intl.Segmenter",
        "navigation.",
        "Temporal",
        "#private",
    ];
    /// What would let text become code, or ask another host.
    const DANGEROUS_IN_JS: &[&str] = &[
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "http://",
        "https://",
        "localStorage",
    ];

    fn without_comments(text: &str) -> String {
        let mut kept = String::new();
        let mut rest = text;
        while let Some((before, comment)) = rest.split_once("/*") {
            kept.push_str(before);
            rest = comment.split_once("*/").map_or("", |(_, behind)| behind);
        }
        kept.push_str(rest);
        let code =
            |line: &str| line.split_once("// ").map_or_else(|| line.to_owned(), |(code, _)| code.to_owned());
        kept.lines().map(code).collect::<Vec<_>>().join("\n")
    }

    fn found<'a>(text: &str, names: &[&'a str]) -> Vec<&'a str> {
        let code = without_comments(text);
        names.iter().copied().filter(|name| code.contains(name)).collect()
    }

    #[test]
    fn style_and_script_ask_nothing_newer_than_chromium_86() {
        assert_eq!(found(STYLE.body, TOO_NEW_IN_CSS), Vec::<&str>::new());
        assert_eq!(found(SCRIPT.body, TOO_NEW_IN_JS), Vec::<&str>::new());
        let nested =
            without_comments(STYLE.body).split('{').map(|part| part.matches('}').count()).collect::<Vec<_>>();
        let (mut depth, mut deepest) = (0_usize, 0);
        for closed in nested {
            depth = (depth + 1).saturating_sub(closed);
            deepest = deepest.max(depth);
        }
        assert!(deepest <= 3, "rules stand within media queries only, not within rules");
    }

    #[test]
    fn a_planted_feature_is_found() {
        assert_eq!(found("a:has(b) { color: red }", TOO_NEW_IN_CSS), [":has("]);
        assert_eq!(found("/* a:has(b) */ x // .at(\n", TOO_NEW_IN_CSS), Vec::<&str>::new());
        assert_eq!(found("list.at(-1)", TOO_NEW_IN_JS), [".at("]);
        assert_eq!(found("a.innerHTML = b", DANGEROUS_IN_JS), ["innerHTML"]);
    }

    #[test]
    fn t13_the_script_makes_no_code_of_text_and_nothing_leaves_the_site() {
        assert_eq!(found(SCRIPT.body, DANGEROUS_IN_JS), Vec::<&str>::new());
        for leaves in ["http:", "https:", "@import", "url("] {
            assert!(!STYLE.body.contains(leaves), "{leaves}");
        }
        for part in CONTENT_SECURITY_POLICY.split("; ") {
            assert!(part.ends_with("'none'") || part.ends_with("'self'"), "{part}");
        }
    }

    #[test]
    fn an_address_changes_with_the_content() {
        let (one, other) = (asset("css", "text/css", "a"), asset("css", "text/css", "b"));
        assert_ne!(one.path, other.path);
        assert_eq!(one.path, "/assets/console-ca978112ca1bbdca.css");
        assert_eq!(find(&SCRIPT.path).map(|asset| asset.body), Some(SCRIPT.body));
        assert!(find("/assets/console-0000000000000000.js").is_none());
    }
}
