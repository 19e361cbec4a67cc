/**
 * Why a line of a file of people, or the file itself, was not taken: a closed code with its values,
 * so that the console says it in each language. None of the values is ever part of a password.
 */
const WORDS = {
  // Of a line
  unprintable: 'has characters that cannot be printed',
  too_long: 'is longer than {max} characters',
  empty: 'is empty',
  formula: 'looks like a formula of a spreadsheet',
  unknown_type: 'is not one of {known}',
  not_mail: 'is not an address',
  not_date: 'is not a date (YYYY-MM-DD or DD/MM/YYYY)',
  too_many: 'has more than {max} values',
  not_establishment: 'is not a UAI code',
  not_language: 'is not fr or en',
  untypable: 'has characters that cannot be typed',
  hash: '{reason}',
  two_passwords: 'and {other} are both given: only one can hold',
  cells: 'has {cells} cells where the header has {columns}',
  on_line: 'is on line {other_line} already',
  of_another: 'belongs or belonged to somebody else',
  meanwhile: 'the account kept changing while it was imported: import the file again',
  // Of those who left
  none_in_scope: 'the file names no {user_type} of {establishment}: is it the right file?',
  line_about_nobody: 'line {line} does not say whom it is about',
  leavers_differ: '{found} people would leave now, and {confirmed} were confirmed',
} as const

export type WhyCode = keyof typeof WORDS

export interface Why {
  readonly code: WhyCode
  /** `column`, `value` (as it may be shown) and others that the words name. */
  readonly params: Readonly<Record<string, string | number>>
}

export const why = (code: WhyCode, params: Why['params'] = {}): Why => ({ code, params })

/** In English, for the command line: column and value, then what is wrong. */
export const whyWords = ({ code, params }: Why): string => {
  const words = WORDS[code].replaceAll(/\{(\w+)\}/g, (_, name: string) => String(params[name]))
  return [params['column'], params['value'], words].filter((one) => one !== undefined).join(' ')
}
