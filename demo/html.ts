/** Markup that is already safe: made by `html` only, never from what somebody sent. */
export interface Html {
  readonly markup: string
}

type Piece = Html | string | number | undefined | readonly Html[]

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function written(piece: Piece): string {
  if (piece === undefined) return ''
  if (typeof piece === 'object') {
    return 'markup' in piece ? piece.markup : piece.map((part) => part.markup).join('')
  }
  return String(piece).replace(/[&<>"']/g, (character) => ESCAPES[character] ?? '')
}

/** Template tag: every value is escaped unless it is markup itself. */
export function html(strings: TemplateStringsArray, ...pieces: readonly Piece[]): Html {
  const markup = strings.reduce((text, part, index) => text + written(pieces[index - 1]) + part)
  return { markup }
}
