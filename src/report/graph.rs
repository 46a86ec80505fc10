//! The graph from the image to sources, in columns: image, components, what they need, sources. Pure.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::Page;

const ROW: usize = 26;
const COLUMN: usize = 250;
const BOX: usize = 190;

/// A box of the graph.
struct Node {
    label: String,
    link: Option<String>,
    column: usize,
    row: usize,
}

/// The drawing; nothing when there is nothing but the image.
pub(super) fn graph(page: &Page) -> Markup {
    let mut nodes: Vec<Node> = Vec::new();
    let mut edges: Vec<(usize, usize)> = Vec::new();
    let mut index: BTreeMap<String, usize> = BTreeMap::new();
    let mut rows = [0_usize; 4];
    let mut add = |key: String, label: String, link: Option<String>, column: usize, nodes: &mut Vec<Node>| {
        *index.entry(key).or_insert_with(|| {
            nodes.push(Node { label, link, column, row: rows[column] });
            rows[column] += 1;
            nodes.len() - 1
        })
    };
    let image = add("image".to_owned(), page.name.clone(), None, 0, &mut nodes);
    let parts = page.components.iter().map(|part| (part, 1)).chain(page.libraries.iter().map(|part| (part, 2)));
    for (part, column) in parts.clone() {
        let label = format!("{} {}", part.name, part.version);
        let at = add(part.id.clone(), label, Some(anchor(&part.id)), column, &mut nodes);
        if column == 1 {
            edges.push((image, at));
        }
    }
    for (part, _) in parts {
        let Some(at) = index_of(&nodes, part) else { continue };
        for need in &part.needs {
            if let Some(other) = page.components.iter().chain(&page.libraries).find(|other| other.id == *need) {
                edges.extend(index_of(&nodes, other).map(|to| (at, to)));
            }
        }
        if let Some((url, sha256)) = part.sources.first() {
            let file = url.rsplit('/').next().unwrap_or(url).to_owned();
            let to = add(format!("source:{sha256}"), file, None, 3, &mut nodes);
            edges.push((at, to));
        }
    }
    draw(&nodes, &edges)
}

fn index_of(nodes: &[Node], part: &super::Part) -> Option<usize> {
    let link = Some(anchor(&part.id));
    nodes.iter().position(|node| node.link == link)
}

fn draw(nodes: &[Node], edges: &[(usize, usize)]) -> Markup {
    let height = nodes.iter().map(|node| node.row + 1).max().unwrap_or(0) * ROW + 30;
    let width = 3 * COLUMN + BOX + 10;
    let place = |node: &Node| (node.column * COLUMN + 5, node.row * ROW + 24);
    html! {
        div class="wide" {
            svg class="graph" viewBox=(format!("0 0 {width} {height}")) style=(format!("min-width:{width}px"))
                role="img" aria-label="From the image to its sources" {
                @for (column, title) in ["image", "components", "linked in", "sources"].iter().enumerate() {
                    text class="head" x=(column * COLUMN + 5) y="14" { (title) }
                }
                @for (from, to) in edges {
                    @let (from, to) = (place(&nodes[*from]), place(&nodes[*to]));
                    @let (x1, y1, x2, y2) = (from.0 + BOX, from.1 + 10, to.0, to.1 + 10);
                    @if x2 > x1 {
                        path d=(format!("M{x1} {y1}C{} {y1} {} {y2} {x2} {y2}", x1 + 30, x2 - 30)) {}
                    } @else {
                        path d=(format!("M{} {y1}C{} {y1} {} {y2} {} {y2}", from.0, from.0 - 24, to.0 - 24, to.0)) {}
                    }
                }
                @for node in nodes {
                    @let (x, y) = place(node);
                    @let label = shortened(&node.label);
                    a href=[node.link.as_ref().map(|link| format!("#{link}"))] {
                        rect x=(x) y=(y) width=(BOX) height="20" rx="4" {}
                        text x=(x + 6) y=(y + 14) { (label) title { (node.label) } }
                    }
                }
            }
        }
    }
}

/// What a part is called in links of the page.
pub(super) fn anchor(id: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    format!("part-{}", id.chars().map(plain).collect::<String>())
}

fn shortened(label: &str) -> String {
    const LONGEST: usize = 27;
    if label.chars().count() <= LONGEST {
        return label.to_owned();
    }
    label.chars().take(LONGEST - 1).chain(['…']).collect()
}
