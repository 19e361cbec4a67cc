import { type ChosenLocale, localeOfAccount } from '../accounts/account.ts'
import { chooseLanguage } from '../accounts/choose_language.ts'
import { type AccountPage, done, formOn, refuse, sendAccountPage } from './account_page.ts'
import { keepLocale } from './locale.ts'

const BROWSER = 'browser' satisfies ChosenLocale
const CHOICES: readonly ChosenLocale[] = ['fr', 'en', BROWSER]

/** The language of the pages and mails of one person; empty: as the browser asks. */
export const languagePage: AccountPage = {
  section: 'language',

  show: (visit, frame, { errors }) =>
    sendAccountPage(visit, 'account_language', {
      ...frame,
      ...formOn(visit, 'choose', errors),
      locale: localeOfAccount(visit.account) ?? '',
    }),

  forms: {
    choose: async ({ site, ctx, account, origin }, fields) => {
      const typed = fields.text('locale') || BROWSER
      const chosen = CHOICES.find((choice) => choice === typed)
      if (chosen === undefined) {
        return refuse([{ field: 'locale', code: 'field_required' }])
      }
      await chooseLanguage(site.deps, account.sub, chosen, origin)
      // What was clicked on this browser before would come first.
      keepLocale(ctx, chosen === BROWSER ? null : chosen)
      return done('language', 'language_changed')
    },
  },
}
