//! The page as HTML.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::graph::{anchor, graph};
use super::treemap::{Rectangle, squarify};
use super::{Finding, Page, Part, bytes};

/// A page may carry its own style and script, and load nothing at all.
const SECURITY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";
/// Colours of the map: stones.
const COLOURS: [&str; 8] = ["#4f6d7a", "#7a6a4f", "#5d7a4f", "#7a4f5d", "#4f5d7a", "#6d4f7a", "#7a5a4f", "#4f7a72"];
const MAP: Rectangle = Rectangle { x: 0.0, y: 0.0, width: 1000.0, height: 420.0 };

/// The whole page.
pub fn page(page: &Page) -> String {
    let title = page.tag.as_ref().map_or_else(|| page.name.clone(), |tag| format!("{}:{tag}", page.name));
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(SECURITY);
                title { (title) " – what is in it, and why" }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body {
                header {
                    h1 { (title) }
                    p class="digest mono" { (page.digest.as_deref().unwrap_or("a directory without a digest")) }
                    (cards(page))
                    nav {
                        @for (id, text) in SECTIONS { a href=(format!("#{id}")) { (text) } }
                    }
                }
                main { (sections(page)) }
                footer { "Made by drystone " (env!("CARGO_PKG_VERSION")) " from the image and its evidence. The page loads nothing." }
                script { (PreEscaped(include_str!("script.js"))) }
            }
        }
    };
    markup.into_string()
}

const SECTIONS: [(&str, &str); 9] = [
    ("findings", "Policy"),
    ("map", "By size"),
    ("components", "Components"),
    ("files", "Files"),
    ("hardening", "Hardening"),
    ("graph", "From image to source"),
    ("hashes", "Hashes"),
    ("origin", "Made from"),
    ("reproduce", "Reproduce"),
];

fn cards(page: &Page) -> Markup {
    let size: u64 = page.files.iter().map(|file| file.size).sum();
    let stored: u64 = page.layers.iter().map(|layer| layer.size).sum();
    let (class, verdict) = match (page.findings.len(), page.judged) {
        (0, true) => ("good", "passed".to_owned()),
        (0, false) => ("warn", "passed".to_owned()),
        (many, _) => ("bad", many.to_string()),
    };
    let what = match (page.findings.is_empty(), page.judged) {
        (true, true) => "policy",
        (true, false) => "strict defaults, no report found",
        (false, _) => "findings",
    };
    let card = |class: &str, value: String, what: &str| {
        html! { div class=(format!("card {class}")) { b { (value) } span { (what) } } }
    };
    html! {
        div class="cards" {
            (card(class, verdict, what))
            @if !page.waived.is_empty() { (card("warn", page.waived.len().to_string(), "waived")) }
            (card("", page.binaries.len().to_string(), "programs"))
            (card("", page.files.len().to_string(), "files and links"))
            (card("", bytes(size), "of content"))
            @if stored > 0 { (card("", bytes(stored), "to pull")) }
        }
    }
}

fn sections(page: &Page) -> Markup {
    html! {
        dl style="margin-top:1.2rem" { @for (name, value) in &page.facts { dt { (name) } dd { (value) } } }
        h2 id="findings" { "Policy" }
        @if page.findings.is_empty() { p class="yes" { "Nothing breaks a rule." } }
        @for one in &page.findings { (finding(one, "finding")) }
        @if !page.waived.is_empty() { h3 { "Waived" } }
        @for one in &page.waived { (finding(one, "finding waived")) }
        h2 id="map" { "By size" }
        (map(page))
        h2 id="components" { "Components" }
        (parts(&page.components))
        @if !page.libraries.is_empty() { h3 { "Linked into them" } (parts(&page.libraries)) }
        h2 id="files" { "Files" }
        (files(page))
        h2 id="hardening" { "Hardening" }
        (hardening(page))
        h2 id="graph" { "From image to source" }
        (graph(page))
        h2 id="hashes" { "Hashes" }
        (layers(page))
        h2 id="origin" { "Made from" }
        (origin(page))
        h2 id="reproduce" { "Reproduce" }
        @if page.reproduce.is_empty() { p { "Nothing with the image says how it was made." } }
        @else { pre { code { (page.reproduce.join("\n")) } } }
    }
}

fn finding(one: &Finding, class: &str) -> Markup {
    html! {
        div class=(class) {
            p { strong { (one.rule) } " " code { (one.path) } }
            p { (one.what) ". " (one.why) "." }
            p { (one.mend) }
        }
    }
}

/// The components' areas are their sizes; each leads to its line in the table.
fn map(page: &Page) -> Markup {
    let sizes: Vec<u64> = page.components.iter().map(|part| part.size).collect();
    let areas = squarify(&sizes, MAP);
    html! {
        div class="wide" {
            svg class="map" viewBox="0 0 1000 420" role="img" aria-label="Components by size" {
                @for (index, (part, area)) in page.components.iter().zip(areas).enumerate() {
                    @if area.width > 0.5 && area.height > 0.5 {
                        a href=(format!("#{}", anchor(&part.id))) {
                            rect x=(rounded(area.x)) y=(rounded(area.y)) width=(rounded(area.width))
                                height=(rounded(area.height)) fill=(COLOURS[index % COLOURS.len()]) {
                                title { (part.name) " " (part.version) ", " (bytes(part.size)) }
                            }
                            @if area.width > 9.0 * part.name.len() as f64 + 14.0 && area.height > 44.0 {
                                text x=(rounded(area.x + 8.0)) y=(rounded(area.y + 22.0)) { (part.name) }
                                text class="size" x=(rounded(area.x + 8.0)) y=(rounded(area.y + 38.0)) { (bytes(part.size)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn rounded(number: f64) -> String {
    format!("{number:.1}")
}

fn parts(parts: &[Part]) -> Markup {
    html! {
        div class="wide" { table class="sortable" {
            thead { tr { th { "name" } th { "version" } th { "size" } th { "licence" } th { "source and identifiers" } } }
            tbody {
                @for part in parts {
                    tr id=(anchor(&part.id)) {
                        td { strong { (part.name) } br; (part.summary) }
                        td { (part.version) }
                        td class="n" data-value=(part.size) { @if part.size > 0 { (bytes(part.size)) } }
                        td { (part.license) }
                        td class="hash" {
                            details {
                                summary { (part.sources.first().map_or("none", |(url, _)| file_name(url))) }
                                @for (url, sha256) in &part.sources { p { (url) br; "sha256:" (sha256) } }
                                p { (part.purl) }
                                @if !part.cpe.is_empty() { p { (part.cpe) } }
                            }
                        }
                    }
                }
            }
        } }
    }
}

fn file_name(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

fn files(page: &Page) -> Markup {
    let name = |id: &Option<String>| match id {
        None => "the spec".to_owned(),
        Some(id) => page.components.iter().find(|part| part.id == *id).map_or(id.clone(), |part| part.name.clone()),
    };
    html! {
        div class="wide" { table class="sortable" {
            thead { tr { th { "path" } th { "kind" } th { "size" } th { "from" } th { "access" } th { "sha256" } } }
            tbody {
                @for file in &page.files {
                    tr {
                        td class="path mono" { (file.path) }
                        td { (file.kind) }
                        td class="n" data-value=(file.size) { (bytes(file.size)) }
                        td { (name(&file.part)) }
                        td class="mono" { (file.access) }
                        td class="hash" { (file.sha256) }
                    }
                }
            }
        } }
    }
}

fn hardening(page: &Page) -> Markup {
    let Some(first) = page.binaries.first() else { return html! { p { "There is no program." } } };
    html! {
        div class="wide" { table class="sortable" {
            thead { tr { th { "program" } @for (name, _) in &first.properties { th { (name) } } } }
            tbody {
                @for binary in &page.binaries {
                    tr {
                        td class="path mono" { (binary.path) }
                        @for (_, has) in &binary.properties {
                            @match has {
                                Some(true) => td class="yes" { "yes" },
                                Some(false) => td class="no" { "no" },
                                None => td class="unknown" { "unknown" },
                            }
                        }
                    }
                }
            }
        } }
    }
}

fn layers(page: &Page) -> Markup {
    html! {
        div class="wide" { table {
            thead { tr { th { "layer" } th { "size" } th { "digest" } th { "diffID" } } }
            tbody {
                @for layer in &page.layers {
                    tr {
                        td { (layer.origin) }
                        td class="n" { (bytes(layer.size)) }
                        td class="hash" { (layer.digest) }
                        td class="hash" { (layer.diff_id) }
                    }
                }
            }
        } }
    }
}

fn origin(page: &Page) -> Markup {
    if page.origin.is_empty() {
        return html! { p { "No provenance was found with the image." } };
    }
    html! {
        details {
            summary { (page.origin.len()) " inputs, each by its digest" }
            div class="wide" { table class="sortable" {
                thead { tr { th { "kind" } th { "name" } th { "digest" } } }
                tbody {
                    @for input in &page.origin {
                        tr { td { (input.kind) } td class="path" { (input.name) } td class="hash" { (input.digest) } }
                    }
                }
            } }
        }
    }
}
