import type { Locale } from '../accounts/account.ts'
import type { UserType } from '../policies/user_type.ts'

export const CSV_COLUMNS = [
  'home',
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
  readonly withoutClass: string
  /** To whoever cuts the sheet. */
  readonly handOver: string
  readonly sheet: (number: number) => string
  readonly identifier: string
  readonly password: string
  readonly validUntil: (day: string) => string
  /** Of the first sign-in; the address stands under the first. */
  readonly steps: readonly [string, string, string]
  readonly userTypes: { readonly [type in UserType]: string }
  readonly csvHeader: { readonly [column in (typeof CSV_COLUMNS)[number]]: string }
}

export const TEXTS: { readonly [locale in Locale]: Texts } = {
  fr: {
    title: (home) => `Cartes de première connexion – ${home}`,
    withoutHome: 'Sans établissement',
    withoutClass: 'Sans classe',
    handOver: 'À découper et à remettre à chacun en main propre',
    sheet: (number) => `Feuille ${number}`,
    identifier: 'Identifiant',
    password: 'Mot de passe temporaire',
    validUntil: (day) => `valable jusqu’au ${day}`,
    steps: [
      'Ouvrez cette adresse, ou visez le code avec un téléphone.',
      'Saisissez l’identifiant et le mot de passe temporaire.',
      'Choisissez votre propre mot de passe et gardez-le pour vous.',
    ],
    userTypes: {
      teacher: 'Enseignement',
      staff: 'Personnel',
      student: 'Élève',
      guardian: 'Responsable',
      inspector: 'Inspection',
      internship_counsellor: 'Suivi de stage',
    },
    csvHeader: {
      home: 'établissement',
      classes: 'classe',
      familyName: 'nom',
      givenName: 'prénom',
      identifier: 'identifiant',
      password: 'mot de passe temporaire',
      validUntil: 'valable jusqu’au',
      address: 'adresse',
    },
  },
  en: {
    title: (home) => `Cards for the first sign-in – ${home}`,
    withoutHome: 'Without establishment',
    withoutClass: 'Without class',
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
    csvHeader: {
      home: 'establishment',
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
