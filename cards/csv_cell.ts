/** What spreadsheets work out, also behind blanks; wide forms count where they are typed. */
const FORMULA = /^[\s\p{C}\p{Z}]*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/u

/** In French and English, short and whole, as they are read in `1 mars` and `3-MAY`. */
const MONTH =
  '(?:jan|janv|janvier|january|f[eé]v|f[eé]vr|f[eé]vrier|feb|february|mars?|march|avr|avril|apr|' +
  'april|mai|may|juin|june?|juil|juillet|july?|ao[uû]t?|aug|august|sept?|septembre|september|oct|' +
  'octobre|october|nov|novembre|november|d[eé]c|d[eé]cembre|december)\\.?'

/**
 * What spreadsheets turn into something else: `0012345` and `6E1` into numbers, `3-4` and `12 mai`
 * into dates, `6 A` into an hour, `vrai` into a truth. Rather too much than too little.
 */
const CONVERTED: readonly RegExp[] = [
  /^[\p{Sc}\s(.,]*\p{Nd}[\p{Nd}\p{Sc}\s.,:/%()’'–-]*(?:[ed][+-]?\p{Nd}+)?[\p{Sc}\s%)]*$/iu,
  /^\p{Nd}[\p{Nd}:.,]*\s+[ap]\.?(?:m\.?)?$|^\p{Nd}[\p{Nd}:.,]*[ap]m$/iu,
  new RegExp(`^\\p{Nd}[\\p{Nd}\\s./-]*${MONTH}[\\s./,-]*\\p{Nd}*$`, 'iu'),
  new RegExp(`^${MONTH}[\\s./,-]*\\p{Nd}[\\p{Nd}\\s,]*$`, 'iu'),
  /^(?:true|false|vrai|faux)$/iu,
]

/** Excel has room for as many UTF-16 units in a text of a formula. */
const LITERAL_LENGTH_MAX = 255
/** What cannot be shown, and the wide quote, which some input methods take for the plain one. */
const NO_LITERAL = /[\p{Cc}\p{Zl}\p{Zp}\uff02]/u

/**
 * A value as it goes into a cell of a CSV that a spreadsheet may open: plain, wherever it stays
 * what it is. Else as a formula that is nothing but a text, `="0012345"`: the cell then shows the
 * value as it is, and is copied as it is. Within that text a quote is doubled, and it is the only
 * sign that could end it, so that no value becomes part of a formula. What does not fit into one
 * safely (line breaks, more than 255 signs) gets an apostrophe before it if it would be worked out.
 *
 * The price: a program that is no spreadsheet reads `="…"` and has to take it off, and so does who
 * has a spreadsheet import formulas as text. An apostrophe stands in the cell in every program, and
 * is then typed by whoever signs in; a bare value would be lost.
 */
export const csvCell = (value: string): string => {
  const formula = FORMULA.test(value)
  if (!formula && !CONVERTED.some((form) => form.test(value))) {
    return value
  }
  if (value.length <= LITERAL_LENGTH_MAX && !NO_LITERAL.test(value)) {
    return `="${value.replaceAll('"', '""')}"`
  }
  return formula ? `'${value}` : value
}
