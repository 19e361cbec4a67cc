import { type Html, html } from './html.ts'
import type { Claims, Intent, Problem, SignedIn } from './relying_party.ts'
import type { Notice } from './workspace_sessions.ts'
import { LOCALES, type Locale, type TextKey, text, whyText } from './workspace_texts.ts'

export interface PageFrame {
  readonly locale: Locale
  /** The application's name. */
  readonly name: string
  /** Where the page is, for its links to other languages; the start page if left out. */
  readonly path?: string
  /** More for the document's head. */
  readonly head?: Html
}

const LANGUAGE_NAMES: Readonly<Record<Locale, string>> = { en: 'English', fr: 'Français' }

/** A whole page; `name` says which in `data-page`. */
export function page(frame: PageFrame, name: string, title: string, content: Html): string {
  const { locale, path = '/' } = frame
  const languages = LOCALES.map((other) =>
    other === locale
      ? html`<li><span aria-current="true">${LANGUAGE_NAMES[other]}</span></li>`
      : html`<li><a href="${path}?lang=${other}" lang="${other}" hreflang="${other}">${LANGUAGE_NAMES[other]}</a></li>`,
  )
  return html`<!doctype html>
<html lang="${locale}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} – ${frame.name}</title>
<link rel="stylesheet" href="/workspace.css">
<link rel="icon" href="data:,">
${frame.head}
</head>
<body>
<header>
<p class="brand">${frame.name}</p>
<p class="tagline">${text(locale, 'tagline')}</p>
</header>
<main data-page="${name}">
<h1>${title}</h1>
${content}
</main>
<footer>
<nav aria-label="${text(locale, 'languages')}"><ul>${languages}</ul></nav>
</footer>
</body>
</html>
`.markup
}

function noticeBox(locale: Locale, notice: Notice | undefined): Html | undefined {
  if (notice === undefined) return undefined
  const code = notice.replace('notice_', '')
  return html`<p class="notice" role="status" data-notice="${code}">${text(locale, notice)}</p>`
}

/** Nobody is signed in: one button, and below it `more` to try. */
export function homePage(frame: PageFrame, notice: Notice | undefined, more?: Html): string {
  const { locale } = frame
  return page(
    frame,
    'home',
    text(locale, 'home_title'),
    html`${noticeBox(locale, notice)}
<p>${text(locale, 'home_text')}</p>
<form method="post" action="/sign-in">
<button class="primary" name="intent" value="sign_in">${text(locale, 'sign_in')}</button>
</form>
${more}`,
  )
}

/** Who is signed in, what can be tried, and every claim that came. */
export function signedInPage(
  frame: PageFrame,
  signedIn: SignedIn,
  notice: Notice | undefined,
): string {
  const { locale } = frame
  const claims = { ...signedIn.userinfo, ...signedIn.idTokenClaims }
  const name = shown(
    claims['name'] ?? claims['given_name'] ?? claims['preferred_username'] ?? signedIn.sub,
  )
  return page(
    frame,
    'signed_in',
    text(locale, 'signed_in_title', name),
    html`${noticeBox(locale, notice)}
<section aria-labelledby="who">
<h2 id="who">${text(locale, 'who')}</h2>
<dl>
${summaryLine(locale, 'who_name', name)}
${summaryLine(locale, 'who_type', claims['user_type'])}
${summaryLine(locale, 'who_proof', proofs(claims['amr']))}
${summaryLine(locale, 'who_time', clockTime(claims['auth_time'], locale))}
</dl>
</section>
<section aria-labelledby="try">
<h2 id="try">${text(locale, 'try_title')}</h2>
<ul class="acts">
${intentAct(locale, 'grade_book')}
${intentAct(locale, 'confidential')}
${intentAct(locale, 'exam_papers')}
${intentAct(locale, 'again')}
${signedIn.refreshToken ? buttonAct(locale, '/refresh', 'refresh') : undefined}
${buttonAct(locale, '/sign-out', 'sign_out')}
</ul>
</section>
<section aria-labelledby="claims">
<h2 id="claims">${text(locale, 'claims_title')}</h2>
${claimsTable(locale, signedIn, claims)}
</section>`,
  )
}

function summaryLine(locale: Locale, key: TextKey, value: unknown): Html | undefined {
  if (value === undefined) return undefined
  return html`<div><dt>${text(locale, key)}</dt><dd>${shown(value)}</dd></div>`
}

function intentAct(locale: Locale, intent: Exclude<Intent, 'sign_in'>): Html {
  const button = html`<button name="intent" value="${intent}">${text(locale, intent)}</button>`
  return act(locale, '/sign-in', intent, `${intent}_hint`, button)
}

function buttonAct(locale: Locale, action: string, name: 'refresh' | 'sign_out'): Html {
  return act(locale, action, name, `${name}_hint`, html`<button>${text(locale, name)}</button>`)
}

function act(locale: Locale, action: string, name: string, hint: TextKey, button: Html): Html {
  return html`<li><form method="post" action="${action}" data-act="${name}">${button}
<p>${text(locale, hint)}</p></form></li>
`
}

function claimsTable(locale: Locale, signedIn: SignedIn, claims: Claims): Html {
  const rows = Object.keys(claims)
    .sort()
    .map(
      (claim) => html`<tr><th scope="row">${claim}</th>
<td data-claim="${claim}">${shown(claims[claim])}</td>
<td>${text(locale, claimSource(claim, signedIn))}</td></tr>
`,
    )
  return html`<table>
<thead><tr><th scope="col">${text(locale, 'claims_claim')}</th>
<th scope="col">${text(locale, 'claims_value')}</th>
<th scope="col">${text(locale, 'claims_source')}</th></tr></thead>
<tbody>
${rows}</tbody>
</table>`
}

function claimSource(claim: string, { idTokenClaims, userinfo }: SignedIn): TextKey {
  if (!(claim in userinfo)) return 'source_id_token'
  return claim in idTokenClaims ? 'source_both' : 'source_userinfo'
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
}

function proofs(amr: unknown): string | undefined {
  return Array.isArray(amr) ? amr.join(' + ') : undefined
}

function clockTime(seconds: unknown, locale: Locale): string | undefined {
  if (typeof seconds !== 'number') return undefined
  return new Intl.DateTimeFormat(locale, { timeStyle: 'medium' }).format(seconds * 1000)
}

/** Says what happened, in words first and in the protocol's terms below. */
export function errorPage(frame: PageFrame, problem: Problem): string {
  const { locale } = frame
  return page(
    frame,
    'error',
    text(locale, 'error_title'),
    html`<p class="notice problem" role="alert">${whyText(locale, problem.error)}</p>
<dl>
<div><dt>${text(locale, 'error_code')}</dt><dd data-error="error">${problem.error}</dd></div>
<div><dt>${text(locale, 'error_description')}</dt>
<dd data-error="error_description">${problem.description}</dd></div>
</dl>
<p><a class="button" href="/">${text(locale, 'error_back')}</a></p>`,
  )
}
