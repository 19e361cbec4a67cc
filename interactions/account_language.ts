import type { Locale } from '../accounts/account.ts'
import { type AccountPage, done, formOn, sendAccountPage } from './account_page.ts'
import { keepLocale } from './locale.ts'

const LOCALES: readonly Locale[] = ['fr', 'en']

/** The language of the pages and mails of one person; none: as the school says, else the browser. */
export const languagePage: AccountPage = {
  section: 'language',

  show: (visit, frame, { errors }) =>
    sendAccountPage(visit, 'account_language', {
      ...frame,
      ...formOn(visit, 'choose', errors),
      locale: visit.account.chosenLocale ?? '',
    }),

  forms: {
    choose: async ({ site, ctx, account }, fields) => {
      const chosen = LOCALES.find((locale) => locale === fields.text('locale')) ?? null
      await site.deps.store.accounts.setLocale(account.sub, chosen)
      // What was clicked on this browser before would come first.
      keepLocale(ctx, chosen)
      return done('language', 'language_changed')
    },
  },
}
