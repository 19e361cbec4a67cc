import type { Locale } from './workspace_texts.ts'

const en = {
  title: 'The mailbox',
  intro:
    'Every mail of the demonstration lands here and nowhere else: codes to reset a PIN, notices, codes for a new address.',
  link: 'Open the mailbox (new tab)',
  empty: 'No mail so far. Press “Reset my PIN code” where a PIN is asked.',
  to: 'To',
  reload: 'Look for new mails',
  back: 'Back to the start',
} as const

export type MailTextKey = keyof typeof en

const fr: Record<MailTextKey, string> = {
  title: 'La boîte aux lettres',
  intro:
    'Tous les mails de la démonstration arrivent ici et nulle part ailleurs\u00a0: codes de réinitialisation, avertissements, codes pour une nouvelle adresse.',
  link: 'Ouvrir la boîte aux lettres (nouvel onglet)',
  empty:
    'Aucun mail pour l’instant. Choisissez «\u00a0Réinitialiser mon code PIN\u00a0» là où un code PIN est demandé.',
  to: 'À',
  reload: 'Chercher de nouveaux mails',
  back: 'Retour au début',
}

const TEXTS: Readonly<Record<Locale, Record<MailTextKey, string>>> = { en, fr }

export const mailText = (locale: Locale, key: MailTextKey): string => TEXTS[locale][key]
