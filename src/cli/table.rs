//! Columns as Go's `text/tabwriter` aligns them: at least 10 wide, 3 spaces between, the last one free.

/// The least width of a column, its padding included.
const MIN_WIDTH: usize = 10;
/// Spaces after the widest cell of a column.
const PADDING: usize = 3;

/// Aligns the tab-separated cells of `text`, line by line. A column is a run of lines that have a tab
/// behind that cell; what follows the last tab of a line belongs to no column.
pub fn align(text: &str) -> String {
    align_from(MIN_WIDTH, text)
}

/// The same with another least width.
pub fn align_from(least: usize, text: &str) -> String {
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    let mut widths: Vec<Vec<usize>> = lines.iter().map(|cells| vec![0; cells.len() - 1]).collect();
    let columns = widths.iter().map(Vec::len).max().unwrap_or(0);
    for column in 0..columns {
        set_widths(&lines, &mut widths, column, least);
    }
    let mut aligned = String::with_capacity(text.len() * 2);
    for (cells, widths) in lines.iter().zip(&widths) {
        push_line(&mut aligned, cells, widths);
    }
    aligned
}

/// Gives every run of lines that share a column the width of its widest cell.
fn set_widths(lines: &[Vec<&str>], widths: &mut [Vec<usize>], column: usize, least: usize) {
    let mut start = 0;
    while start < lines.len() {
        let run = widths[start..].iter().take_while(|widths| widths.len() > column).count();
        let cells = lines[start..start + run].iter().map(|cells| length(cells[column]) + PADDING);
        let width = cells.max().unwrap_or(0).max(least);
        for widths in &mut widths[start..start + run] {
            widths[column] = width;
        }
        start += run.max(1);
    }
}

fn push_line(aligned: &mut String, cells: &[&str], widths: &[usize]) {
    for (index, cell) in cells.iter().enumerate() {
        aligned.push_str(cell);
        if let Some(width) = widths.get(index) {
            aligned.extend(std::iter::repeat_n(' ', width.saturating_sub(length(cell))));
        }
    }
    aligned.push('\n');
}

/// Go counts code points, and so must we to stay aligned as docker is.
fn length(cell: &str) -> usize {
    if cell.is_ascii() { cell.len() } else { cell.chars().count() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_a_table() {
        let table = align("CONTAINER ID\tIMAGE\tNAMES\n4f5b00000000\tnginx:1.25\tweb\n5f5b00000000\t\ta_b\n");
        assert_eq!(
            table,
            "CONTAINER ID   IMAGE        NAMES\n\
             4f5b00000000   nginx:1.25   web\n\
             5f5b00000000                a_b\n"
        );
    }

    #[test]
    fn a_column_ends_where_a_line_lacks_it() {
        assert_eq!(align("a\tb\nlonger than that\nc\td"), "a         b\nlonger than that\nc         d\n");
        assert_eq!(align(""), "");
        assert_eq!(align("é…\tx"), "é…        x\n");
    }
}
