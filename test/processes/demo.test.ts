import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'node-html-parser'
import { CookieJar } from 'tough-cookie'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { type Child, ROOT, startChild } from '../../demo/child.ts'
import { freePort } from '../../demo/free_port.ts'
import { playKey } from '../../demo/otp_key.ts'
import { sampleKeys } from '../../demo/sample_keys.ts'
import type { SamplePerson } from '../../demo/sample_people.ts'
import { USER_TYPES } from '../../policies/user_type.ts'
import { createBrowser, type View } from '../support/browser.ts'

const PIN = '8306'
const READY_MS = 60_000

/** The line for programs among all that the demonstration prints. */
interface Summary {
  readonly issuer: string
  readonly workspace: string
  /** The page that plays the OTP keys. */
  readonly keys: string
  readonly people: readonly SamplePerson[]
}

interface Demo extends Summary {
  readonly child: Child
  /** The processes that it has started, by their numbers. */
  readonly children: readonly number[]
}

/** A data folder that goes with the test, and the ports that the demonstration is to use. */
const openPlace = async (): Promise<Record<string, string>> => {
  const data = mkdtempSync(join(tmpdir(), 'vestibule-demo-'))
  onTestFinished(() => rmSync(data, { recursive: true, force: true }))
  const gateway = await freePort(0)
  return {
    NODE_COMPILE_CACHE: join(ROOT, 'node_modules/.cache/node'),
    VESTIBULE_DATA: data,
    VESTIBULE_LISTEN: `127.0.0.1:${gateway}`,
    VESTIBULE_DEMO_WORKSPACE_PORT: `${await freePort(gateway + 1)}`,
  }
}

/** Those of the lines printed that are JSON. */
const summariesIn = (output: string): Summary[] =>
  output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Summary)

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)

/** `demo/main.ts` until it says that it is ready. */
const startDemo = async (env: Record<string, string>): Promise<Demo> => {
  const logFile = join(env['VESTIBULE_DATA'] ?? '', 'demo.log')
  const child = startChild({ name: 'demo', command: ['demo/main.ts'], env, logFile })
  onTestFinished(() => child.stop())
  const summaries = await vi.waitFor(
    () => {
      const found = summariesIn(readFileSync(logFile, 'utf8'))
      expect(found, child.tail()).toHaveLength(1)
      return found
    },
    { timeout: READY_MS, interval: 50 },
  )
  return { ...(summaries[0] as Summary), child, children: childrenOf(child.pid) }
}

/** Ctrl+C; how it ended, and which of its processes are still there. */
const interrupt = async ({ child, children }: Demo) => {
  process.kill(child.pid, 'SIGINT')
  const { how } = await child.ended
  return { how, left: children.filter((pid) => existsSync(`/proc/${pid}`)) }
}

const ENDED_WELL = { how: 'exit code 0', left: [] }

/** One person's browser on both sites: hosts share a jar whatever their ports. */
const openBrowser = ({ issuer, workspace }: Summary) => {
  const jar = new CookieJar()
  const atWorkspace = createBrowser(workspace, { jar })
  const atGateway = createBrowser(issuer, { jar })
  return {
    /** Presses "Sign in" at the workspace and proves the password; the gateway's next page. */
    async signIn({
      identifier,
      password,
    }: Pick<SamplePerson, 'identifier' | 'password'>): Promise<View> {
      await atWorkspace.open('/')
      await atWorkspace.submit({ intent: 'sign_in' })
      await atGateway.open(atWorkspace.view.url)
      return atGateway.submit({ identifier, password })
    },
    submit: atGateway.submit,
    /** Follows the gateway's answer back; the claims that the workspace shows. */
    async arrive(): Promise<Record<string, string>> {
      const { html, text } = await atWorkspace.open(atGateway.view.url)
      expect(html.querySelector('main')?.getAttribute('data-page'), text).toBe('signed_in')
      const claims = parse(text).querySelectorAll('[data-claim]')
      return Object.fromEntries(
        claims.map((one) => [one.getAttribute('data-claim') ?? '', one.text.trim()]),
      )
    },
  }
}

/** Whose key is in service, and whose was never used. */
const keyHolders = ({ people }: Summary) => {
  const holders = people.filter(({ otp_key }) => otp_key !== null)
  const used = holders.find(({ otp_key }) => otp_key?.pin !== null) as SamplePerson
  const unused = holders.find(({ otp_key }) => otp_key?.pin === null) as SamplePerson
  return { used, unused }
}

/** What the page of the keys shows now. */
const shownCode = async ({ keys }: Summary, { otp_key }: SamplePerson): Promise<string> => {
  const page = parse(await (await fetch(keys)).text())
  return page.querySelector(`[data-key="${otp_key?.serial}"] [data-code]`)?.text ?? ''
}

/**
 * The code after the one shown at `shownMs`, which its gateway takes early: nobody has to wait for
 * it here. By now the key may show it, or a later one.
 */
const codeAfter = ({ otp_key }: SamplePerson, shownMs: number): string => {
  const key = sampleKeys().find(({ serial }) => serial === otp_key?.serial)
  const periodMs = (key?.periodSeconds ?? 0) * 1000
  return key === undefined ? '' : playKey(key, Math.max(shownMs + periodMs, Date.now())).code
}

describe('the demonstration', () => {
  it('says in one line of JSON where it is and who is there, and leaves nothing on Ctrl+C', async () => {
    const env = await openPlace()
    const demo = await startDemo(env)
    expect(new URL(demo.issuer).port).toBe(env['VESTIBULE_LISTEN']?.split(':')[1])
    expect(new URL(demo.workspace).port).toBe(env['VESTIBULE_DEMO_WORKSPACE_PORT'])
    const types = new Set(demo.people.map(({ user_type }) => user_type))
    expect([...types].sort()).toEqual([...USER_TYPES].sort())
    expect(demo.keys).toBe(`${demo.workspace}/keys`)
    for (const address of [demo.issuer, demo.workspace]) {
      expect((await fetch(`${address}/healthz`)).status).toBe(200)
    }
    expect(demo.children).toHaveLength(2)
    expect(await interrupt(demo)).toEqual(ENDED_WELL)
    await expect(fetch(demo.issuer)).rejects.toThrow()
  })

  it('lets a teacher define a PIN, and asks for it after the next start', async () => {
    const env = await openPlace()
    const first = await startDemo(env)
    const teacher = first.people.find((one) => one.user_type === 'teacher' && !one.must_change)
    expect(teacher).toBeDefined()
    const person = teacher as SamplePerson
    const browser = openBrowser(first)
    expect((await browser.signIn(person)).step).toBe('define_pin')
    const definition = { define_pin: 'yes', new_pin: PIN, confirm_pin: PIN }
    expect((await browser.submit(definition)).step).toBe('device')
    await browser.submit({})
    expect(await browser.arrive()).toMatchObject({
      name: person.name,
      acr: 'urn:vestibule:acr:pin',
    })
    expect(await interrupt(first)).toEqual(ENDED_WELL)

    const second = await startDemo(env)
    const another = openBrowser(second)
    expect((await another.signIn(person)).step).toBe('pin')
    expect((await another.submit({ pin: '5271' })).step).toBe('pin')
    await another.submit({ pin: PIN })
    expect((await another.arrive())['name']).toBe(person.name)
    expect(await interrupt(second)).toEqual(ENDED_WELL)
  })

  it('lets the holder of a key in service in by its passcode, once, also after the next start', async () => {
    const env = await openPlace()
    const first = await startDemo(env)
    const { used } = keyHolders(first)
    const { identifier, otp_key } = used
    const shownMs = Date.now()
    const passcode = { identifier, password: `${otp_key?.pin}${await shownCode(first, used)}` }
    const browser = openBrowser(first)
    await browser.signIn(passcode)
    expect(await browser.arrive()).toMatchObject({
      name: used.name,
      acr: 'urn:vestibule:acr:otp',
      amr: '["pin","otp","mfa"]',
    })
    expect(await interrupt(first)).toEqual(ENDED_WELL)

    const second = await startDemo(env)
    const another = openBrowser(second)
    expect((await another.signIn(passcode)).step).toBe('login')
    await another.submit({ identifier, password: `${otp_key?.pin}${codeAfter(used, shownMs)}` })
    expect((await another.arrive())['name']).toBe(used.name)
    expect(await interrupt(second)).toEqual(ENDED_WELL)
  })

  it('lets the holder of a key never used put it in service', async () => {
    const demo = await startDemo(await openPlace())
    const { unused } = keyHolders(demo)
    const browser = openBrowser(demo)
    const shownMs = Date.now()
    const digits = await shownCode(demo, unused)
    const { identifier } = unused
    expect((await browser.signIn({ identifier, password: digits })).step).toBe('first_use_pin')
    const defined = await browser.submit({ new_pin: PIN, confirm_pin: PIN })
    expect(defined.step).toBe('first_use_passcode')
    const second = await browser.submit({ passcode: `${PIN}${codeAfter(unused, shownMs)}` })
    expect(second.step).toBe('first_use_done')
    await browser.submit({})
    expect(await browser.arrive()).toMatchObject({
      name: unused.name,
      acr: 'urn:vestibule:acr:otp',
    })
    expect(await interrupt(demo)).toEqual(ENDED_WELL)
  })
})
