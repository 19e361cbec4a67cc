import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../demo/free_port.ts'
import { fetchAs } from '../support/as_host.ts'
import type { Browser } from '../support/browser.ts'
import { administrator, enterConsole } from '../support/console.ts'
import { MINUTE_MS, type School, startSchool } from '../support/school.ts'

const ISSUER = 'https://127.0.0.1:8443'
const CONSOLE = 'https://localhost'
const [GATEWAY_HOST, CONSOLE_HOST] = [new URL(ISSUER).host, new URL(CONSOLE).host]

/** What each host answers, asked as a proxy would: by its name, at the address where it listens. */
const statusAt = async (at: string, host: string, path: string): Promise<number> =>
  (await fetchAs(`${at}${path}`, host, { headers: { accept: 'text/html' } })).status

const OF_THE_GATEWAY = [
  '/auth',
  '/jwks',
  '/.well-known/openid-configuration',
  '/login',
  '/account',
  '/help',
  '/session/end',
  '/interaction/x',
]

/** The same behind a proxy that speaks https, with a listener of its own or without. */
const behaves = (name: string, withListener: boolean) =>
  describe(name, () => {
    let school: School
    let consoleAt: string

    beforeAll(async () => {
      const port = await freePort(0)
      const listen = `127.0.0.1:${port}`
      school = await startSchool({
        issuer: ISSUER,
        admin: { url: CONSOLE, ...(withListener ? { listen } : {}) },
      })
      consoleAt = withListener ? `http://${listen}` : school.address
    })

    afterAll(() => school.stop())

    const browserAt = (): Browser => school.browser({ also: { [CONSOLE]: consoleAt } })

    it('is signed in to at the gateway, and comes back to its own host', async () => {
      const identifier = await administrator(school)
      const browser = browserAt()
      await browser.open(`${CONSOLE}/admin/roles`)
      expect(browser.view.url.origin).toBe(ISSUER)
      expect(browser.view.step).toBe('login')
      await enterConsole(browser, identifier, null)
      expect(browser.view.url.href).toBe(`${CONSOLE}/admin/roles`)
    })

    it('keeps a cookie of its own host alone', async () => {
      const identifier = await administrator(school)
      const browser = await enterConsole(browserAt(), identifier, `${CONSOLE}/admin`)
      const names = async (origin: string) =>
        (await browser.jar.getCookies(origin)).map(({ key }) => key)
      expect(await names(CONSOLE)).toContain('__Host-vestibule_console')
      expect(await names(ISSUER)).not.toContain('__Host-vestibule_console')
      const cookies = await browser.jar.getCookies(CONSOLE)
      for (const cookie of cookies.filter(({ key }) => key.startsWith('__Host-'))) {
        expect(cookie).toMatchObject({ httpOnly: true, secure: true, path: '/' })
      }
    })

    it('leads to the portal and the help of the gateway, and has its own style', async () => {
      const identifier = await administrator(school)
      const browser = await enterConsole(browserAt(), identifier, `${CONSOLE}/admin`)
      const hrefs = browser.view.html.querySelectorAll('a').map((a) => a.getAttribute('href'))
      expect(hrefs).toContain(`${ISSUER}/`)
      const style = browser.view.html
        .querySelectorAll('link[rel=stylesheet]')
        .map((link) => link.getAttribute('href') ?? '')
      expect(style.filter((href) => href.includes('/console.')).length).toBe(1)
      for (const href of style) {
        const asset = await fetchAs(`${consoleAt}${href}`, CONSOLE_HOST)
        expect([href, asset.status]).toEqual([href, 200])
      }
      const lost = await browser.open(`${CONSOLE}/admin/nothing`)
      const links = lost.html.querySelectorAll('.links a').map((a) => a.getAttribute('href'))
      expect(links).toEqual([`${ISSUER}/help`])
      expect(lost.headers.get('strict-transport-security')).toContain('max-age=')
    })

    it('takes forms there, asks for a fresh proof and comes back to confirm', async () => {
      const identifier = await administrator(school)
      const browser = await enterConsole(browserAt(), identifier, `${CONSOLE}/admin/roles`)
      const somebody = await school.person({})
      school.later(6 * MINUTE_MS)
      const form = { form: 'form[action="/admin/roles/grant"]' }
      await browser.submit({ identifier: somebody.identifier, role: 'auditor' }, form)
      expect(browser.view.url.origin).toBe(ISSUER)
      await enterConsole(browser, identifier, null)
      expect(browser.view.url.origin).toBe(CONSOLE)
      expect(browser.view.step).toBe('console/confirm')
      await browser.submit({ answer: 'yes' })
      const grant = await school.gateway.core.deps.store.roles.find(somebody.sub)
      expect(grant?.role).toBe('auditor')
    })

    it('is signed out of at the gateway', async () => {
      const identifier = await administrator(school)
      const browser = await enterConsole(browserAt(), identifier, `${CONSOLE}/admin`)
      await browser.submit({}, { form: 'form[action="/admin/sign-out"]' })
      expect(browser.view.url.href).toContain(`${ISSUER}/session/end`)
    })

    it('is found at the bare address of its host', async () => {
      const answer = await fetchAs(`${consoleAt}/`, CONSOLE_HOST)
      expect([answer.status, answer.headers.get('location')]).toEqual([303, '/admin'])
    })

    it('is not there on the host of the gateway', async () => {
      for (const path of ['/admin', '/admin/invite', '/admin/signed-in', '/admin/roles']) {
        const status = await statusAt(school.address, GATEWAY_HOST, path)
        expect([path, status]).toEqual([path, 404])
      }
    })

    it('has nothing of the gateway on its host', async () => {
      for (const path of OF_THE_GATEWAY) {
        const status = await statusAt(consoleAt, CONSOLE_HOST, path)
        expect([path, status]).toEqual([path, 404])
      }
    })

    it('does not listen to a host that a proxy, or anybody, adds', async () => {
      const answer = await fetchAs(`${school.address}/admin`, GATEWAY_HOST, {
        headers: { 'x-forwarded-host': CONSOLE_HOST },
      })
      expect(answer.status).toBe(404)
    })

    it.each(['LocalHost', 'localhost:443'])('knows its host as %s too', async (host) => {
      expect(await statusAt(consoleAt, host, '/admin/invite')).toBe(200)
    })

    if (withListener) {
      it('is not where the gateway listens, whatever host is asked for', async () => {
        const status = await statusAt(school.address, CONSOLE_HOST, '/admin')
        expect(status).toBe(404)
      })
    }
  })

behaves('a console with a host of its own, where the gateway listens', false)
behaves('a console with a host and a listener of its own', true)

describe('a console without a host of its own', () => {
  it('is below the issuer, whatever host is asked for', async () => {
    const school = await startSchool()
    try {
      expect(await statusAt(school.address, 'anything.example', '/admin/invite')).toBe(200)
    } finally {
      await school.stop()
    }
  })
})
