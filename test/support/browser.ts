import { type HTMLElement, parse } from 'node-html-parser'
import { CookieJar } from 'tough-cookie'
import { fetchAs } from './as_host.ts'

/** What a person sees: a page of the gateway, or the return to an application. */
export interface View {
  readonly url: URL
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly html: HTMLElement
  /** `data-step` of the page; `callback` when the browser was sent to an application. */
  readonly step: string
}

export interface Browser {
  readonly jar: CookieJar
  /** The page in front of the person. */
  readonly view: View
  open(url: string | URL): Promise<View>
  /** Fills the page's form and posts it, hidden fields included. */
  submit(fields: Record<string, string>, options?: { form?: string }): Promise<View>
  /** Posts anything anywhere, as this browser. */
  post(
    url: string | URL,
    fields: Record<string, string>,
    headers?: Record<string, string>,
  ): Promise<View>
  /** Sends a file with a form of the page that has room for one. */
  upload(
    file: { readonly name: string; readonly content: string | Uint8Array },
    options?: { form?: string },
  ): Promise<View>
  /** A copy of this browser's cookies as they are now, in a browser of its own. */
  copy(): Promise<Browser>
  cookie(name: string): Promise<string | undefined>
  forget(name: string): Promise<void>
}

export interface BrowserOptions {
  readonly userAgent?: string
  readonly language?: string
  readonly cookies?: boolean
  /** Address as a trusted proxy would report it. */
  readonly address?: string
  readonly jar?: CookieJar
  /** Where requests really go: the gateway behind the proxy that the origin stands for. */
  readonly via?: string
  /** Other origins that are the gateway's too, and where their requests really go. */
  readonly also?: Readonly<Record<string, string>>
  /** Told of each answer as it arrives, before redirects are followed. */
  readonly onAnswer?: (method: string, url: URL, status: number) => void
}

const REDIRECTS_MAX = 15
const FIREFOX = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0'

const NOWHERE: View = {
  url: new URL('about:blank'),
  status: 0,
  headers: new Headers(),
  text: '',
  html: parse(''),
  step: '',
}

const stepOf = (html: HTMLElement): string =>
  html.querySelector('main')?.getAttribute('data-step') ?? ''

/** What stands in text areas, and what is chosen in lists. */
const longFields = (form: HTMLElement): Record<string, string> => {
  const fields: Record<string, string> = {}
  for (const area of form.querySelectorAll('textarea[name]')) {
    fields[area.getAttribute('name') ?? ''] = area.text
  }
  for (const select of form.querySelectorAll('select[name]')) {
    const chosen = select.querySelector('option[selected]') ?? select.querySelector('option')
    fields[select.getAttribute('name') ?? ''] = chosen?.getAttribute('value') ?? ''
  }
  return fields
}

/** Hidden and prefilled fields of a form, as a browser would send them. Tick boxes only if ticked. */
const prefilled = (form: HTMLElement): Record<string, string> => {
  const fields: Record<string, string> = {}
  for (const input of form.querySelectorAll('input[name]')) {
    const type = input.getAttribute('type') ?? 'text'
    const ticked = type !== 'checkbox' && type !== 'radio' ? true : input.hasAttribute('checked')
    if (ticked) {
      fields[input.getAttribute('name') ?? ''] = input.getAttribute('value') ?? ''
    }
  }
  return { ...fields, ...longFields(form) }
}

const FORM_TYPE = 'application/x-www-form-urlencoded'

/** The same gateway by another name. */
const askOther = (via: string, url: URL, { method, headers, body }: RequestInit) => {
  const sent = new Headers(headers)
  if (body instanceof URLSearchParams) {
    sent.set('content-type', FORM_TYPE)
  }
  return fetchAs(url.href.replace(url.origin, via), url.host, {
    method,
    headers: sent,
    body: body instanceof URLSearchParams ? String(body) : undefined,
  })
}

/** A browser without JavaScript on real HTTP: cookies, redirects, forms. */
export const createBrowser = (origin: string, options: BrowserOptions = {}): Browser => {
  const jar = options.jar ?? new CookieJar()
  let view = NOWHERE

  const headersFor = async (url: URL): Promise<Headers> => {
    const headers = new Headers({
      accept: 'text/html',
      'user-agent': options.userAgent ?? FIREFOX,
      'accept-language': options.language ?? 'en',
    })
    const cookies = options.cookies === false ? '' : await jar.getCookieString(url.href)
    if (cookies !== '') {
      headers.set('cookie', cookies)
    }
    if (options.address !== undefined) {
      headers.set('x-forwarded-for', options.address)
    }
    return headers
  }

  const send = async (url: URL, init: RequestInit): Promise<Response> => {
    const headers = await headersFor(url)
    for (const [name, value] of new Headers(init.headers)) {
      headers.set(name, value)
    }
    const via = options.also?.[url.origin]
    const response =
      via === undefined
        ? await fetch(new URL(url.href.replace(origin, options.via ?? origin)), {
            ...init,
            headers,
            redirect: 'manual',
          })
        : await askOther(via, url, { ...init, headers })
    options.onAnswer?.(init.method ?? 'GET', url, response.status)
    for (const cookie of response.headers.getSetCookie()) {
      await jar.setCookie(cookie, url.href)
    }
    return response
  }

  const go = async (start: URL, init: RequestInit): Promise<View> => {
    let url = start
    let request = init
    for (let hop = 0; hop < REDIRECTS_MAX; hop += 1) {
      if (url.origin !== origin && options.also?.[url.origin] === undefined) {
        view = { ...NOWHERE, url, step: 'callback' }
        return view
      }
      const response = await send(url, request)
      const location = response.headers.get('location')
      if (location === null) {
        const text = await response.text()
        const html = parse(text)
        view = {
          url,
          status: response.status,
          headers: response.headers,
          text,
          html,
          step: stepOf(html),
        }
        return view
      }
      await response.body?.cancel()
      url = new URL(location, url)
      request = {}
    }
    throw new Error(`more than ${REDIRECTS_MAX} redirects, now at ${url}`)
  }

  const post: Browser['post'] = (url, fields, headers) =>
    go(new URL(url, origin), {
      method: 'POST',
      body: new URLSearchParams(fields),
      ...(headers === undefined ? {} : { headers }),
    })

  return {
    jar,
    get view() {
      return view
    },
    open: (url) => go(new URL(url, origin), {}),
    post,
    submit: (fields, { form: selector = 'main form' } = {}) => {
      const form = view.html.querySelector(selector)
      if (form === null) {
        throw new Error(`no form on ${view.url} (step ${view.step}): ${view.text.slice(0, 500)}`)
      }
      const action = new URL(form.getAttribute('action') ?? view.url.href, view.url)
      return post(action, { ...prefilled(form), ...fields })
    },
    upload: (
      { name, content },
      { form: selector = 'form[enctype="multipart/form-data"]' } = {},
    ) => {
      const form = view.html.querySelector(selector)
      const input = form?.querySelector('input[type=file]')
      if (form === null || input === null || input === undefined) {
        throw new Error(`no form for a file on ${view.url} (step ${view.step})`)
      }
      const body = new FormData()
      for (const [field, value] of Object.entries(prefilled(form))) {
        body.append(field, value)
      }
      const bytes = typeof content === 'string' ? content : new Uint8Array(content)
      body.set(input.getAttribute('name') ?? '', new Blob([bytes]), name)
      const action = new URL(form.getAttribute('action') ?? view.url.href, view.url)
      return go(action, { method: 'POST', body })
    },
    copy: async () => createBrowser(origin, { ...options, jar: await jar.clone() }),
    cookie: async (name) =>
      (await jar.getCookies(origin)).find((cookie) => cookie.key === name)?.value,
    forget: async (name) => {
      const { hostname } = new URL(origin)
      await jar.store.removeCookie(hostname, '/', name)
    },
  }
}
