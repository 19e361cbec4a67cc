import type { Context } from 'koa'
import { encode } from 'uqr'
import { fullName, localeOfAccount } from '../accounts/account.ts'
import {
  APP_FACE,
  beginEnrolment,
  ENROLMENT_MS,
  ENROLMENT_TRIES,
  type EnrolAppResult,
  type Enrolment,
  enrolApp,
  isEnrolmentOver,
  mayEnrolApp,
  secretOf,
  type TypedEnrolment,
} from '../accounts/enrol_app.ts'
import { AppError } from '../accounts/errors.ts'
import { FRESH_PROOF_SECONDS } from '../policies/fresh_proof.ts'
import type { Policy } from '../policies/policy.ts'
import type { AccountDone, FormError, Pages } from '../views/pages.ts'
import { done, type Outcome, type Visit } from './account_page.ts'
import { assertOurForm, csrfToken } from './csrf.ts'
import { type Fields, missingFields, readForm } from './form.ts'
import { APP_PATH, KEYS_PATH, type ProvedPerson, provedPerson } from './fresh_proof.ts'
import { rememberLocale } from './locale.ts'
import { keyPinLength, newPinError } from './new_pin.ts'
import { originOf } from './origin.ts'
import { seeOther, sendPage } from './page.ts'
import { pinShape } from './pin_shape.ts'
import type { KeptEnrolment, Site } from './site.ts'

/** On the page of keys: its address is that of the enrolment. */
export const BEGIN_FORM = 'app'
/** What the tokens of these forms are bound to, beside the session. */
const CONFIRM_FORM = 'enrol_app_confirm'
const CANCEL_FORM = 'enrol_app_cancel'

export const CONFIRM_PATH = `${APP_PATH}/confirm`
export const CANCEL_PATH = `${APP_PATH}/cancel`

type UnderWay = Extract<KeptEnrolment, { step: 'under_way' }>
const NONE: KeptEnrolment = { step: 'none' }

/** The enrolment that is kept, while it may still be confirmed. */
const alive = (site: Site, kept: KeptEnrolment): UnderWay | null =>
  kept.step === 'under_way' && !isEnrolmentOver(kept.enrolment, site.deps.clock()) ? kept : null

/** To be told on the page of keys. */
const tellOnKeys = (
  site: Site,
  { sessionUid, account }: ProvedPerson,
  done: AccountDone,
): Promise<void> => site.keepForAccount(sessionUid, account.sub, (kept) => ({ ...kept, done }))

/** The enrolment of this session; one that is over leaves it, and they are told. */
const underWay = async (site: Site, person: ProvedPerson): Promise<UnderWay | null> => {
  const { session, sessionUid, account } = person
  const kept = site.enrolmentIn(session)
  if (kept.step !== 'under_way') {
    return null
  }
  const living = alive(site, kept)
  if (living === null) {
    await site.changeEnrolment(sessionUid, account.sub, (now) =>
      now.step === 'under_way' && alive(site, now) === null ? NONE : now,
    )
    const tried = kept.enrolment.wrongCodes >= ENROLMENT_TRIES
    await tellOnKeys(site, person, tried ? 'enrolment_refused' : 'enrolment_expired')
  }
  return living
}

/** ISO/IEC 18004 §5.3.8: four light modules all around. */
const QUIET_ZONE = 4

/** Each row's dark modules as the rectangles of one SVG path. */
const qrOf = (uri: string): Pages['enrol_app']['qr'] => {
  const { size, data } = encode(uri, { ecc: 'M', border: QUIET_ZONE })
  const rows = data.map((row, y) => {
    const dark = row.map((module) => (module ? '1' : '0')).join('')
    return [...dark.matchAll(/1+/g)]
      .map(({ index, 0: { length } }) => `M${index} ${y}h${length}v1h-${length}z`)
      .join('')
  })
  return { size, path: rows.join('') }
}

const groupsOfFour = (text: string): string[] => text.match(/.{1,4}/g) ?? []

const errorsOf = (site: Site, uid: string, { refused }: UnderWay): FormError[] =>
  refused === undefined ? [] : JSON.parse(site.seal.open(refused, uid))

/** `GET /account/keys/app`: the secret for the app, and the form that proves it has arrived. */
export const showEnrolment = async (ctx: Context, site: Site): Promise<void> => {
  rememberLocale(ctx)
  const person = await provedPerson(ctx, site, 'app')
  if (person === null) {
    return
  }
  const { account, policy, sessionUid } = person
  const kept = await underWay(site, person)
  if (kept === null) {
    seeOther(ctx, KEYS_PATH)
    return
  }
  const { uri, base32 } = secretOf(site.deps, kept.enrolment, account)
  const { pin_length } = policy.otp_keys
  sendPage(
    ctx,
    site,
    'enrol_app',
    {
      action: CONFIRM_PATH,
      csrf: csrfToken(site, sessionUid, CONFIRM_FORM),
      errors: errorsOf(site, sessionUid, kept),
      personName: fullName(account),
      qr: qrOf(uri),
      uri,
      secretGroups: groupsOfFour(base32),
      issuer: site.deps.schoolName,
      accountName: account.identifier,
      shape: { ...pinShape({ policy, site }), minLength: pin_length, maxLength: pin_length },
      codeLength: APP_FACE.digits,
      minutes: ENROLMENT_MS / 60_000,
      proofMinutes: FRESH_PROOF_SECONDS / 60,
      cancel: { action: CANCEL_PATH, csrf: csrfToken(site, sessionUid, CANCEL_FORM) },
    },
    { account: localeOfAccount(account) },
  )
}

/** Whoever posted one of our forms with a fresh proof; null: the browser was sent to prove it. */
const posted = async (
  ctx: Context,
  site: Site,
  form: string,
): Promise<{ person: ProvedPerson; fields: Fields } | null> => {
  const fields = await readForm(ctx)
  const person = await provedPerson(ctx, site, 'app')
  if (person === null) {
    return null
  }
  assertOurForm(ctx, site, person.sessionUid, form, fields.text('csrf'))
  return { person, fields }
}

/** There is no such page for them, as their page of keys has told by showing no way here. */
const notAllowed = (): AppError =>
  new AppError('not_found', 'the policy, or their number, leaves this person no more apps')

/** `POST /account/keys/app`: a secret for a new app. Pressed twice, it is the same one. */
export const beginApp = async (visit: Visit): Promise<Outcome> => {
  const { site, account, policy, sessionUid } = visit
  const { deps } = site
  const keys = await deps.store.otpKeys.ofPerson(account.sub)
  if (!mayEnrolApp(account, policy, keys, deps.clock())) {
    throw notAllowed()
  }
  await site.changeEnrolment(
    sessionUid,
    account.sub,
    (kept) => alive(site, kept) ?? { step: 'under_way', enrolment: beginEnrolment(deps) },
  )
  return done('app')
}

/** `POST /account/keys/app/cancel` */
export const cancelApp = async (ctx: Context, site: Site): Promise<void> => {
  const form = await posted(ctx, site, CANCEL_FORM)
  if (form === null) {
    return
  }
  const { account, sessionUid } = form.person
  await site.changeEnrolment(sessionUid, account.sub, (kept) =>
    kept.step === 'under_way' ? NONE : kept,
  )
  seeOther(ctx, KEYS_PATH)
}

type Refusal = Extract<EnrolAppResult, { ok: false }>['reason']

/** Throws for what no form can put right. */
const errorOf = (reason: Refusal, policy: Policy): FormError => {
  switch (reason) {
    case 'not_allowed':
      throw notAllowed()
    case 'wrong_code':
      return { field: 'code', code: 'app_code_refused' }
    default:
      return newPinError(keyPinLength(policy), reason)
  }
}

/** Back to the page, which then says why. An enrolment that is over, or another, stays as it is. */
const showAgain = async (
  ctx: Context,
  site: Site,
  { account, sessionUid }: ProvedPerson,
  { serial }: Enrolment,
  errors: readonly FormError[],
): Promise<void> => {
  const wrong = errors.some(({ code }) => code === 'app_code_refused') ? 1 : 0
  const refused = site.seal.seal(JSON.stringify(errors), sessionUid)
  await site.changeEnrolment(sessionUid, account.sub, (kept) => {
    if (kept.step !== 'under_way' || kept.enrolment.serial !== serial) {
      return kept
    }
    const wrongCodes = kept.enrolment.wrongCodes + wrong
    return { ...kept, enrolment: { ...kept.enrolment, wrongCodes }, refused }
  })
  seeOther(ctx, APP_PATH)
}

const typedIn = (fields: Fields): TypedEnrolment => {
  return {
    pin: fields.digits('new_pin'),
    confirmation: fields.digits('confirm_pin'),
    code: fields.digits('code'),
  }
}

/** What is wrong with the form; none: the app is in service. */
const confirm = async (
  ctx: Context,
  site: Site,
  { account, policy }: ProvedPerson,
  enrolment: Enrolment,
  typed: TypedEnrolment,
): Promise<FormError[]> => {
  const { pin: new_pin, confirmation: confirm_pin, code } = typed
  const absent = missingFields({ new_pin, confirm_pin, code })
  if (absent.length > 0) {
    return absent
  }
  const result = await enrolApp(site.deps, account, policy, enrolment, typed, originOf(ctx))
  return result.ok ? [] : [errorOf(result.reason, policy)]
}

/** `POST /account/keys/app/confirm`: the PIN chosen for the app, and the code that it shows. */
export const confirmApp = async (ctx: Context, site: Site): Promise<void> => {
  const form = await posted(ctx, site, CONFIRM_FORM)
  if (form === null) {
    return
  }
  const { person, fields } = form
  const kept = await underWay(site, person)
  if (kept === null) {
    seeOther(ctx, KEYS_PATH) // Confirmed by the same form before, or too late.
    return
  }
  const { enrolment } = kept
  const errors = await confirm(ctx, site, person, enrolment, typedIn(fields))
  if (errors.length > 0) {
    return showAgain(ctx, site, person, enrolment, errors)
  }
  await site.changeEnrolment(person.sessionUid, person.account.sub, (now) =>
    now.step === 'under_way' && now.enrolment.serial === enrolment.serial ? NONE : now,
  )
  await tellOnKeys(site, person, 'app_enrolled')
  seeOther(ctx, KEYS_PATH)
}
