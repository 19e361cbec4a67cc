import type { Browser, View } from '../support/browser.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import { PASSWORD, type School } from '../support/school.ts'

export interface SignInOptions {
  readonly password?: string
  readonly parameters?: Record<string, string>
}

/** Opens the application and proves the password; the page met next, or the return to it. */
export const enter = async (
  application: RelyingParty,
  browser: Browser,
  identifier: string,
  { password = PASSWORD, parameters = {} }: SignInOptions = {},
): Promise<View> => {
  await application.start(browser, parameters)
  return browser.submit({ identifier, password })
}

/** The browser was closed: the session is gone, what it keeps for longer stays. */
export const reopen = (browser: Browser): Promise<void> => browser.forget('vestibule_session')

/** The errors of a page, as people read them. */
export const errorsOf = (view: View): string[] =>
  view.html.querySelectorAll('.notice-error li').map((item) => item.text.trim())

export const acts = async (school: School, sub: string): Promise<string[]> =>
  (await school.gateway.core.deps.store.audit.list({ sub }, 1_000)).map(({ act }) => act).reverse()

export const noticesOf = async (school: School, sub: string): Promise<string[]> =>
  (await school.gateway.core.deps.store.notices.list(sub, 100)).map(({ code }) => code).reverse()

export const devicesOf = async (school: School, sub: string): Promise<string[]> =>
  (await school.gateway.core.deps.store.devices.list(sub)).map(({ name }) => name).sort()

/** The form in front of the person as the browser would send it, for requests sent by hand. */
export const formIn = (view: View): { action: URL; csrf: string } => {
  const form = view.html.querySelector('main form')
  return {
    action: new URL(form?.getAttribute('action') ?? '', view.url),
    csrf: form?.querySelector('input[name=csrf]')?.getAttribute('value') ?? '',
  }
}

/** Posts the form in front of the person; the answer is looked at, not followed, and lost to the browser. */
export const postByHand = async (
  browser: Browser,
  fields: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Response> => {
  const { action, csrf } = formIn(browser.view)
  return fetch(action, {
    method: 'POST',
    redirect: 'manual',
    headers: {
      accept: 'text/html',
      'accept-language': 'en',
      cookie: await browser.jar.getCookieString(action.href),
      ...headers,
    },
    body: new URLSearchParams({ csrf, ...fields }),
  })
}

/** Sent back to the page of the step, which says why: not on to the application. */
export const isSentBack = ({ status, headers }: Response): boolean =>
  status === 303 && /^\/interaction\/[\w-]+$/.test(headers.get('location') ?? '')
