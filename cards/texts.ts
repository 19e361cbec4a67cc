import type { Locale } from '../accounts/account.ts'
import type { UserType } from '../policies/user_type.ts'

export const CSV_COLUMNS = [
  'home',
  'userType',
  'classes',
  'familyName',
  'givenName',
  'identifier',
  'password',
  'validUntil',
  'address',
] as const

export interface Texts {
  readonly title: (home: string) => string
  readonly withoutHome: string
  /** To whoever cuts the sheet. */
  readonly handOver: string
  readonly sheet: (number: number) => string
  readonly identifier: string
  readonly password: string
  readonly validUntil: (day: string) => string
  /** Of the first sign-in; the address stands under the first. */
  readonly steps: readonly [string, string, string]
  readonly userTypes: { readonly [type in UserType]: string }
  /** Heads a sheet of cards without a class: most kinds of people have none by nature. */
  readonly piles: { readonly [type in UserType]: string }
  readonly csvHeader: { readonly [column in (typeof CSV_COLUMNS)[number]]: string }
}

export const TEXTS: { readonly [locale in Locale]: Texts } = {
  fr: {
    title: (home) => `Cartes de première connexion – ${home}`,
    withoutHome: 'Sans établissement',
    handOver: 'À découper et à remettre à chacun en main propre',
    sheet: (number) => `Feuille ${number}`,
    identifier: 'Identifiant',
    password: 'Mot de passe provisoire',
    validUntil: (day) => `valable jusqu’au ${day}`,
    steps: [
      'Ouvrez cette adresse, ou visez le code avec un téléphone.',
      'Saisissez l’identifiant et le mot de passe provisoire.',
      'Choisissez votre propre mot de passe et gardez-le pour vous.',
    ],
    userTypes: {
      teacher: 'Enseignant(e)',
      staff: 'Personnel',
      student: 'Élève',
      guardian: 'Responsable',
      inspector: 'Inspecteur / Inspectrice',
      internship_counsellor: 'Maître de stage',
    },
    piles: {
      teacher: 'Enseignants',
      staff: 'Personnels',
      student: 'Sans classe',
      guardian: 'Sans classe',
      inspector: 'Inspecteurs',
      internship_counsellor: 'Maîtres de stage',
    },
    csvHeader: {
      home: 'établissement',
      userType: 'type',
      classes: 'classe',
      familyName: 'nom',
      givenName: 'prénom',
      identifier: 'identifiant',
      password: 'mot de passe provisoire',
      validUntil: 'valable jusqu’au',
      address: 'adresse',
    },
  },
  en: {
    title: (home) => `Cards for the first sign-in – ${home}`,
    withoutHome: 'Without establishment',
    handOver: 'Cut out, and hand each card to its owner in person',
    sheet: (number) => `Sheet ${number}`,
    identifier: 'Identifier',
    password: 'Temporary password',
    validUntil: (day) => `valid until ${day}`,
    steps: [
      'Open this address, or point a phone at the code.',
      'Type the identifier and the temporary password.',
      'Choose a password of your own and keep it to yourself.',
    ],
    userTypes: {
      teacher: 'Teacher',
      staff: 'Staff',
      student: 'Student',
      guardian: 'Guardian',
      inspector: 'Inspector',
      internship_counsellor: 'Internship counsellor',
    },
    piles: {
      teacher: 'Teachers',
      staff: 'Staff',
      student: 'Without class',
      guardian: 'Without class',
      inspector: 'Inspectors',
      internship_counsellor: 'Internship counsellors',
    },
    csvHeader: {
      home: 'establishment',
      userType: 'type',
      classes: 'class',
      familyName: 'family name',
      givenName: 'given name',
      identifier: 'identifier',
      password: 'temporary password',
      validUntil: 'valid until',
      address: 'address',
    },
  },
}

/** Heads the columns of a sheet of PINs. */
export const PIN_TEXTS: { readonly [locale in Locale]: readonly string[] } = {
  fr: [
    'type',
    'classe',
    'nom',
    'prénom',
    'identifiant',
    'code PIN à changer à la première utilisation',
  ],
  en: [
    'type',
    'class',
    'family name',
    'given name',
    'identifier',
    'PIN code to be changed at first use',
  ],
}
