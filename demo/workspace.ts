import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { html } from './html.ts'
import { KEYS_PATH, keysInvitation, keysPage, keyWindows, type PlayedKey } from './key_pages.ts'
import { MAILBOX_PATH, mailboxInvitation, mailboxPage } from './mail_pages.ts'
import { type Mailbox, startMailbox } from './mailbox.ts'
import {
  asIntent,
  createRelyingParty,
  type Intent,
  meets,
  type Outcome,
  type Problem,
  provesPin,
  type RelyingParty,
  type SignedIn,
} from './relying_party.ts'
import {
  type Answer,
  closeServer,
  isForeign,
  listen,
  pageAnswer,
  readCookies,
  readForm,
  redirect,
} from './workspace_http.ts'
import { errorPage, homePage, signedInPage } from './workspace_pages.ts'
import { createSessions, type Notice, type Session, type Sessions } from './workspace_sessions.ts'
import { asLocale, type Locale, localeFrom } from './workspace_texts.ts'

export interface WorkspaceOptions {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
  /** 0: any free port. */
  readonly port: number
  /** The address to listen on. */
  readonly host: string
  /** How browsers reach it, without a slash at the end; `http://host:port` if left out. */
  readonly publicUrl?: string
  /** Scopes to ask for, separated by spaces; all that the gateway offers and we know if left out. */
  readonly scope?: string
  /** The name on the pages. */
  readonly name?: string
  /** Cookies know no ports: applications on one host need names of their own. */
  readonly sessionCookie?: string
  /** OTP keys that it plays on a page of its own. */
  readonly keys?: readonly PlayedKey[]
  /** Port of a mail server whose mails it shows; none if left out. 0: any free port. */
  readonly mailPort?: number
}

const LANGUAGE_COOKIE = 'workspace_lang'
const CSS = readFileSync(new URL('workspace.css', import.meta.url))
const KEY_SCRIPT = readFileSync(new URL('key_page.js', import.meta.url))

/** What every handler knows of the workspace it serves. */
interface Workspace {
  readonly issuer: string
  readonly url: string
  readonly name: string
  readonly sessionCookie: string
  readonly relyingParty: RelyingParty
  readonly sessions: Sessions
  readonly keys: readonly PlayedKey[]
  readonly mailbox: Mailbox | undefined
  readonly now: () => number
}

/** One request, read. */
interface Visit {
  readonly workspace: Workspace
  readonly url: URL
  readonly locale: Locale
  readonly session: Session | undefined
  readonly form: URLSearchParams
}

type Handler = (visit: Visit) => Promise<Answer> | Answer

const ROUTES: Readonly<Record<string, Handler>> = {
  'GET /': home,
  'GET /sign-in': startedElsewhere,
  'POST /sign-in': signIn,
  'GET /callback': callback,
  'POST /refresh': refresh,
  'POST /sign-out': signOut,
  'GET /signed-out': signedOut,
  'POST /backchannel-logout': backchannelLogout,
  [`GET ${KEYS_PATH}`]: keys,
  [`GET ${MAILBOX_PATH}`]: mailbox,
  'GET /keys.json': ({ workspace }) => ({
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: keyWindows(workspace.keys, workspace.now()),
  }),
  'GET /key_page.js': () => asset('text/javascript', KEY_SCRIPT),
  'GET /workspace.css': () => asset('text/css', CSS),
  'GET /healthz': () => ({ status: 200, headers: { 'content-type': 'text/plain' }, body: 'ok\n' }),
}

/** Posted by servers, which have no cookies that a foreign page could abuse. */
const SERVER_TO_SERVER: readonly string[] = ['POST /backchannel-logout']

function asset(type: string, body: Buffer): Answer {
  const headers = { 'content-type': `${type}; charset=utf-8`, 'cache-control': 'max-age=300' }
  return { status: 200, headers, body }
}

/**
 * Starts one application. Throws when the gateway does not answer or the port is taken; `close`
 * ends open connections too.
 */
export async function startWorkspace(
  options: WorkspaceOptions,
  now: () => number = Date.now,
): Promise<{ url: string; close(): Promise<void> }> {
  let workspace: Workspace | undefined
  const server = createServer((request, response) => {
    void serve(workspace, request, response)
  })
  const port = await listen(server, options.host, options.port)
  const url = options.publicUrl ?? `http://${options.host}:${port}`
  const mails =
    options.mailPort === undefined
      ? undefined
      : await startMailbox(options.host, options.mailPort, now)
  const close = async () => {
    await Promise.all([closeServer(server), mails?.close()])
  }
  try {
    workspace = {
      issuer: options.issuer,
      url,
      name: options.name ?? 'Demo workspace',
      sessionCookie: options.sessionCookie ?? 'workspace_session',
      relyingParty: await createRelyingParty({ ...options, url }),
      sessions: createSessions(now),
      keys: options.keys ?? [],
      mailbox: mails,
      now,
    }
  } catch (error) {
    await close()
    throw error
  }
  return { url, close }
}

// --- pages -----------------------------------------------------------------------------------

function home(visit: Visit): Answer {
  const { session } = visit
  const notice = session?.notice
  if (session) session.notice = undefined
  const body = session?.signedIn
    ? signedInPage(frameOf(visit), session.signedIn, notice)
    : homePage(frameOf(visit), notice, invitation(visit))
  return pageAnswer(200, body)
}

/** A portal's tile leads here (Core 4, third-party initiated login). */
function startedElsewhere(visit: Visit): Promise<Answer> | Answer {
  const { searchParams } = visit.url
  const issuer = searchParams.get('iss')
  if (issuer !== null && issuer !== visit.workspace.issuer) {
    return problemAnswer(visit, { error: 'other_issuer', description: issuer, status: 400 })
  }
  return begin(visit, 'sign_in', searchParams.get('login_hint') ?? undefined)
}

function signIn(visit: Visit): Promise<Answer> {
  return begin(visit, asIntent(visit.form.get('intent')) ?? 'sign_in')
}

async function begin(visit: Visit, intent: Intent, loginHint?: string): Promise<Answer> {
  const { relyingParty, sessions } = visit.workspace
  const { location, pending } = await relyingParty.begin(intent, visit.locale, loginHint)
  const session = visit.session ?? sessions.start()
  sessions.remember(session, pending)
  return redirect(location, [sessionCookie(visit.workspace, session.id)])
}

async function callback(visit: Visit): Promise<Answer> {
  const { relyingParty, sessions } = visit.workspace
  const pending = sessions.take(visit.session, visit.url.searchParams.get('state'))
  if (!pending) {
    return problemAnswer(visit, { error: 'unknown_state', description: '', status: 400 })
  }
  const outcome = await relyingParty.finish(visit.url, pending)
  if (!outcome.ok) return problemAnswer(visit, outcome.problem)
  if (!meets(pending.intent, outcome.value)) {
    // Core 5.5.1.1: an essential `acr` that did not come back is a failed sign-in.
    return problemAnswer(visit, { error: 'acr_not_met', description: '', status: 403 })
  }
  // A new id for a new sign-in: an id planted before it is worth nothing after it.
  const session = sessions.start(visit.session)
  session.signedIn = outcome.value
  session.notice = noticeAfter(pending.intent, outcome.value)
  return redirect('/', [sessionCookie(visit.workspace, session.id)])
}

function noticeAfter(intent: Intent, signedIn: SignedIn): Notice | undefined {
  if (intent === 'confidential' || intent === 'exam_papers') return `notice_${intent}_open`
  if (intent !== 'grade_book') return undefined
  return provesPin(signedIn) ? 'notice_grade_book_open' : 'notice_grade_book_closed'
}

async function refresh(visit: Visit): Promise<Answer> {
  const { session } = visit
  if (!session?.signedIn?.refreshToken) return redirect('/')
  const outcome = await refreshOnce(visit.workspace, session, session.signedIn)
  if (!outcome.ok) {
    if (outcome.problem.error === 'invalid_grant') session.signedIn = undefined
    return problemAnswer(visit, outcome.problem)
  }
  // A logout notice that came in while we waited wins: nobody is signed in again by a refresh.
  if (session.signedIn) {
    session.signedIn = outcome.value
    session.notice = 'notice_refreshed'
  }
  return redirect('/')
}

function refreshOnce(
  workspace: Workspace,
  session: Session,
  signedIn: SignedIn,
): Promise<Outcome<SignedIn>> {
  session.refreshing ??= workspace.relyingParty.refresh(signedIn).finally(() => {
    session.refreshing = undefined
  })
  return session.refreshing
}

function signOut(visit: Visit): Answer {
  const { session, workspace } = visit
  if (!session?.signedIn) return redirect('/')
  workspace.sessions.end(session)
  const location = workspace.relyingParty.signOutLocation(session.signedIn)
  return redirect(location, [`${workspace.sessionCookie}=; Path=/; Max-Age=0; HttpOnly`])
}

function signedOut(visit: Visit): Answer {
  return pageAnswer(200, homePage(frameOf(visit), 'notice_signed_out', invitation(visit)))
}

function invitation({ workspace, locale }: Visit) {
  const mails = workspace.mailbox === undefined ? undefined : mailboxInvitation(locale)
  return html`${keysInvitation(locale, workspace.keys)}${mails}`
}

/** What the gateway has sent to anybody. */
function mailbox(visit: Visit): Answer {
  const { workspace } = visit
  return workspace.mailbox === undefined
    ? problemAnswer(visit, { error: 'not_found', description: '', status: 404 })
    : pageAnswer(200, mailboxPage(frameOf(visit), workspace.mailbox.mails()))
}

/** The keys in one's hand; the one page here with a script. */
function keys(visit: Visit): Answer {
  const { workspace } = visit
  if (workspace.keys.length === 0) {
    return problemAnswer(visit, { error: 'not_found', description: '', status: 404 })
  }
  const answer = pageAnswer(200, keysPage(frameOf(visit), workspace.keys, workspace.now()))
  const policy = `${contentPolicy(workspace)}; script-src 'self'; connect-src 'self'`
  return { ...answer, headers: { ...answer.headers, 'content-security-policy': policy } }
}

/** Back-Channel Logout 1.0 §2.5 and §2.8: 200 when done, 400 with a reason else. */
async function backchannelLogout({ workspace, form }: Visit): Promise<Answer> {
  const notice = await workspace.relyingParty.verifyLogout(form.get('logout_token') ?? '')
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }
  if (typeof notice === 'string') {
    const body = JSON.stringify({ error: 'invalid_request', error_description: notice })
    return { status: 400, headers, body }
  }
  workspace.sessions.endAll(notice)
  return { status: 200, headers }
}

// --- the way in and out ----------------------------------------------------------------------

async function serve(
  workspace: Workspace | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (!workspace) {
    response.writeHead(503, { 'retry-after': '1' }).end()
    return
  }
  const visit = openVisit(workspace, request)
  try {
    write(visit, response, await answer(visit, request))
  } catch (error) {
    process.stderr.write(`workspace: ${error instanceof Error ? error.message : error}\n`)
    const problem = { error: 'server_error', description: '', status: 500 }
    write(visit, response, problemAnswer(visit, problem))
  }
}

async function answer(visit: Visit, request: IncomingMessage): Promise<Answer> {
  const route = `${request.method} ${visit.url.pathname}`
  const handler = Object.hasOwn(ROUTES, route) ? ROUTES[route] : undefined
  if (!handler) return problemAnswer(visit, { error: 'not_found', description: '', status: 404 })
  if (request.method !== 'POST') return handler(visit)
  if (!SERVER_TO_SERVER.includes(route) && isForeign(request, visit.workspace.url)) {
    return problemAnswer(visit, { error: 'forbidden_origin', description: '', status: 403 })
  }
  const form = await readForm(request)
  if (!form) return problemAnswer(visit, { error: 'too_large', description: '', status: 413 })
  return handler({ ...visit, form })
}

function openVisit(workspace: Workspace, request: IncomingMessage): Visit {
  // Only path and query are the client's: a "//host/…" path must not become another origin.
  const url = new URL(`${workspace.url}/${(request.url ?? '').replace(/^\/+/, '')}`)
  const cookies = readCookies(request.headers.cookie)
  return {
    workspace,
    url,
    locale:
      asLocale(url.searchParams.get('lang')) ??
      asLocale(cookies.get(LANGUAGE_COOKIE)) ??
      localeFrom(request.headers['accept-language']),
    session: workspace.sessions.find(cookies.get(workspace.sessionCookie)),
    form: new URLSearchParams(),
  }
}

function sessionCookie(workspace: Workspace, id: string): string {
  const secure = workspace.url.startsWith('https:') ? '; Secure' : ''
  return `${workspace.sessionCookie}=${id}; Path=/; HttpOnly; SameSite=Lax${secure}`
}

function frameOf(visit: Visit) {
  return { locale: visit.locale, name: visit.workspace.name }
}

function problemAnswer(visit: Visit, problem: Problem): Answer {
  return pageAnswer(problem.status, errorPage(frameOf(visit), problem))
}

function write(visit: Visit, response: ServerResponse, answer: Answer): void {
  const language = asLocale(visit.url.searchParams.get('lang'))
  const cookies = [...(answer.cookies ?? [])]
  if (language) cookies.push(`${LANGUAGE_COOKIE}=${language}; Path=/; HttpOnly; SameSite=Lax`)
  if (cookies.length > 0) response.setHeader('set-cookie', cookies)
  response.writeHead(answer.status, { ...securityHeaders(visit.workspace), ...answer.headers })
  response.end(answer.body)
}

function contentPolicy(workspace: Workspace): string {
  // Chromium holds form-action against the redirect after a POST too, so the gateway is named.
  const formTargets = `'self' ${new URL(workspace.issuer).origin}`
  return (
    `default-src 'none'; style-src 'self'; img-src 'self' data:; form-action ${formTargets}; ` +
    "base-uri 'none'; frame-ancestors 'none'"
  )
}

function securityHeaders(workspace: Workspace): Record<string, string> {
  return {
    'content-security-policy': contentPolicy(workspace),
    'cache-control': 'no-store',
    // Not `no-referrer`: it would turn the Origin of our own forms into "null".
    'referrer-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
  }
}

// --- as a process of its own -----------------------------------------------------------------

/**
 * `VESTIBULE_DEMO_WORKSPACES` is a JSON list of `WorkspaceOptions`. Secrets come by environment,
 * since every user of a machine can read the arguments of every process.
 */
async function main(): Promise<void> {
  const given = process.env['VESTIBULE_DEMO_WORKSPACES'] ?? '[]'
  const all: WorkspaceOptions[] = JSON.parse(given)
  const running = await Promise.all(all.map((options) => startWorkspace(options)))
  const stop = async () => {
    await Promise.all(running.map(({ close }) => close()))
    process.exit(0)
  }
  process.once('SIGTERM', () => void stop())
  process.once('SIGINT', () => void stop())
}

if (import.meta.main) await main()
