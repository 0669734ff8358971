// Rows as CSV (RFC 4180), with a byte order mark, by which spreadsheets know UTF-8.

/** rows: lists of values; null and undefined are blank. */
export function csv(rows) {
  return `\ufeff${rows.map((row) => row.map(cell).join(",")).join("\r\n")}\r\n`;
}

function cell(value) {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
