import { z } from 'zod'
import { localeOfAccount } from '../accounts/account.ts'
import { AppError } from '../accounts/errors.ts'
import {
  ADDRESS_LENGTH_MAX,
  confirmAddress,
  type PendingAddress,
  removeAddress,
  requestAddress,
} from '../accounts/mail_address.ts'
import { MAILED_CODE_MINUTES } from '../accounts/mailed_code.ts'
import type { FormError } from '../views/pages.ts'
import {
  type AccountPage,
  buttonOf,
  done,
  formOn,
  type Outcome,
  refuse,
  sendAccountPage,
  type Visit,
} from './account_page.ts'
import { type Fields, missingFields } from './form.ts'
import { inTurn } from './in_turn.ts'
import { localeOf } from './locale.ts'
import type { KeptForAccount } from './site.ts'

const INVALID: FormError = { field: 'email', code: 'address_invalid' }
/** One address as mail servers take it: no names, quotes or comments, nothing that ends a line. */
const addressSchema = z.string().trim().max(ADDRESS_LENGTH_MAX).pipe(z.email())

/** A button pressed twice, or for want of an answer, sends one mail. */
const SAME_REQUEST_MS = 10_000
const CODE_MS = MAILED_CODE_MINUTES * 60_000

/** The address that a code was mailed to in this session, while that code may still be good. */
const pendingIn = ({ site, session, sessionUid }: Visit): PendingAddress | null => {
  const { address } = site.keptForAccount(session)
  return address === undefined || address.untilMs <= site.deps.clock()
    ? null
    : (JSON.parse(site.seal.open(address.sealed, sessionUid)) as PendingAddress)
}

const keep = (
  { site, sessionUid, account }: Visit,
  address: KeptForAccount['address'] | null,
): Promise<void> =>
  site.keepForAccount(sessionUid, account.sub, ({ address: _before, ...kept }) => ({
    ...kept,
    ...(address == null ? {} : { address }),
  }))

/** The same form, sent a moment ago, has mailed a code there. */
const isOnItsWay = async (visit: Visit, email: string): Promise<boolean> => {
  const { site, sessionUid } = visit
  const session = (await site.provider.Session.findByUid(sessionUid)) ?? visit.session
  const { untilMs = 0 } = site.keptForAccount(session).address ?? {}
  const sinceMs = site.deps.clock() - (untilMs - CODE_MS)
  return sinceMs < SAME_REQUEST_MS && pendingIn({ ...visit, session })?.email === email
}

/** False: too many were mailed. */
const mailCode = async (visit: Visit, email: string): Promise<boolean> => {
  const { ctx, site, account, sessionUid } = visit
  const wishes = { account: localeOfAccount(account), fallback: site.defaultLocale }
  const asking = { boundTo: sessionUid, locale: localeOf(ctx, wishes) }
  const pending = await requestAddress(site.deps, account, email, asking)
  if (pending !== null) {
    await keep(visit, {
      sealed: site.seal.seal(JSON.stringify(pending), sessionUid),
      untilMs: site.deps.clock() + CODE_MS,
    })
  }
  return pending !== null
}

const request = async (visit: Visit, typed: string): Promise<Outcome> => {
  const absent = missingFields({ email: typed.trim() })
  const parsed = addressSchema.safeParse(typed)
  if (absent.length > 0 || !parsed.success) {
    const errors = absent.length > 0 ? absent : [INVALID]
    return refuse(errors, { email: typed })
  }
  const email = parsed.data
  let sent = false
  // Codes end in the order in which they were mailed, and so are kept.
  await inTurn(`address:${visit.sessionUid}`, async () => {
    sent = (await isOnItsWay(visit, email)) || (await mailCode(visit, email))
  })
  return sent ? done('address') : refuse([{ field: 'email', code: 'mails_too_many' }], { email })
}

const confirm = async (visit: Visit, typed: string): Promise<Outcome> => {
  const { site, account, sessionUid, origin } = visit
  const code = typed.replaceAll(/\s/g, '')
  const pending = pendingIn(visit)
  if (pending === null) {
    // Too old: the page asks for the address again.
    return refuse([{ code: 'mailed_code_refused' }])
  }
  const absent = missingFields({ code })
  if (absent.length > 0) {
    return refuse(absent)
  }
  const sent = { typed: code, boundTo: sessionUid }
  if (!(await confirmAddress(site.deps, account, pending, sent, origin))) {
    return refuse([{ field: 'code', code: 'mailed_code_refused' }])
  }
  await keep(visit, null)
  return done('address', 'address_changed')
}

/** Both forms of the page come here: the address to mail a code to, or the code. */
const change = async (visit: Visit, fields: Fields): Promise<Outcome> => {
  if (!visit.site.deps.mails) {
    throw new AppError('not_found', 'mail cannot be sent here')
  }
  return fields.ticked('code')
    ? confirm(visit, fields.text('code'))
    : request(visit, fields.text('email'))
}

/** Where mail about the account goes. */
export const addressPage: AccountPage = {
  section: 'address',

  show: (visit, frame, { errors, typed }) => {
    const { account, site } = visit
    sendAccountPage(visit, 'account_address', {
      ...frame,
      ...formOn(visit, 'change', errors),
      imported: account.email ?? undefined,
      verified: account.verifiedEmail ?? undefined,
      pending: pendingIn(visit)?.email,
      email: typed['email'],
      remove: account.verifiedEmail === null ? undefined : buttonOf(visit, 'address', 'remove'),
      mails: site.deps.mails,
    })
  },

  forms: {
    change,
    remove: async ({ site, account, origin }) => {
      await removeAddress(site.deps, account, origin)
      return done('address', 'address_removed')
    },
  },
}
