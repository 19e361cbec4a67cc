import { type ChosenLocale, localeOfAccount } from '../accounts/account.ts'
import { type AccountPage, done, formOn, refuse, sendAccountPage } from './account_page.ts'
import { keepLocale } from './locale.ts'

const BROWSER = 'browser' satisfies ChosenLocale
const CHOICES: readonly ChosenLocale[] = ['fr', 'en', BROWSER]

/**
 * The language of the pages and mails of one person; empty: as the browser asks. A change is not
 * told by mail or notice: nobody gains or loses anything by it, and it shows on every page.
 */
export const languagePage: AccountPage = {
  section: 'language',

  show: (visit, frame, { errors }) =>
    sendAccountPage(visit, 'account_language', {
      ...frame,
      ...formOn(visit, 'choose', errors),
      locale: localeOfAccount(visit.account) ?? '',
    }),

  forms: {
    choose: async ({ site, ctx, account }, fields) => {
      const typed = fields.text('locale') || BROWSER
      const chosen = CHOICES.find((choice) => choice === typed)
      if (chosen === undefined) {
        return refuse([{ field: 'locale', code: 'field_required' }])
      }
      await site.deps.store.accounts.setLocale(account.sub, chosen)
      // What was clicked on this browser before would come first.
      keepLocale(ctx, chosen === BROWSER ? null : chosen)
      return done('language', 'language_changed')
    },
  },
}
