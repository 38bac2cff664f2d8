//! The view as a picture, for the README: text of a real run, line by line.

/// Pixels of a character and of a line.
const WIDTH: f64 = 8.4;
const HEIGHT: usize = 20;
const MARGIN: usize = 16;

/// An SVG that shows `lines`, in colours that suit light and dark pages.
pub(crate) fn picture(lines: impl IntoIterator<Item = String>) -> String {
    let mut shown = vec!["$ gearman-driver demo".to_owned()];
    shown.extend(lines);
    let columns = shown.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    let width = (columns as f64 * WIDTH).ceil() as usize + 2 * MARGIN;
    let height = shown.len() * HEIGHT + 2 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\" aria-label=\"The demo in a terminal\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#1b1f27\"/>\n\
         <g font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"14\" fill=\"#d7dce5\">\n"
    );
    for (number, line) in shown.iter().enumerate() {
        if line.is_empty() {
            continue;
        }
        let y = MARGIN + number * HEIGHT + 15;
        let length = (line.chars().count() as f64 * WIDTH).round();
        // The length is set, so that columns hold whatever font there is.
        svg.push_str(&format!(
            "<text x=\"{MARGIN}\" y=\"{y}\" textLength=\"{length}\" xml:space=\"preserve\">{}</text>\n",
            escaped(line)
        ));
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

fn escaped(line: &str) -> String {
    line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_text_and_nothing_else() {
        let svg = picture(["a <b> & c", "", "█░"].map(str::to_owned));
        assert!(svg.contains(">a &lt;b&gt; &amp; c</text>") && svg.contains(">█░</text>"), "{svg}");
        assert_eq!(svg.matches("<text").count(), 3);
    }
}
