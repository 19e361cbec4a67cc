import { readdirSync, readFileSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { CALLBACK, CLIENT_ID, CLIENT_SECRET, type Premises } from '../../bench/premises.ts'
import { createBrowser } from '../support/browser.ts'
import { registerRelyingParty } from '../support/relying_party.ts'
import { complaints, importPeople, peopleFile, temporaryPremises } from './premises.ts'

const PASSWORD = 'Tilleul-Papier-27'
const PIN = '8306'

const application = ({ issuer }: Premises) =>
  registerRelyingParty(issuer, CLIENT_ID, CLIENT_SECRET, CALLBACK)

const isServed = (url: string): Promise<boolean> =>
  fetch(url).then(
    () => true,
    () => false,
  )

/** Starts a gateway that is not expected to live; how it ended and what it said. */
const startInVain = async (premises: Premises, env: Record<string, string> = {}) => {
  const { child, output } = premises.run(['provider/main.ts'], env)
  const { code } = await child.ended
  return { code, output: output(), served: await isServed(`${premises.issuer}/healthz`) }
}

/** Changes one line of the settings; its number. */
const spoil = (premises: Premises, pattern: RegExp, line: string): number => {
  const lines = readFileSync(premises.config, 'utf8').split('\n')
  const index = lines.findIndex((one) => pattern.test(one))
  lines[index] = line
  premises.file('vestibule.yaml', lines.join('\n'))
  return index + 1
}

describe('a gateway with settings that cannot be', () => {
  it('names setting, file and line, ends with 2, and never listens', async () => {
    const premises = await temporaryPremises()
    const line = spoil(premises, /^listen:/, 'listen: everywhere')
    const { code, output, served } = await startInVain(premises)
    expect(output).toContain(`${premises.config}:${line}: listen must be`)
    expect({ code, served }).toEqual({ code: 2, served: false })
    expect(readdirSync(premises.folder)).not.toContain('data')
  })

  it('refuses a variable that it does not know, and says which was meant', async () => {
    const premises = await temporaryPremises()
    const { code, output, served } = await startInVain(premises, { VESTIBULE_SHCOOL_NAME: 'Lycée' })
    expect(output).toContain('VESTIBULE_SHCOOL_NAME')
    expect(output).toContain('VESTIBULE_SCHOOL_NAME')
    expect({ code, served }).toEqual({ code: 2, served: false })
  })

  it('refuses plain http where others can reach it', async () => {
    const premises = await temporaryPremises()
    const port = new URL(premises.issuer).port
    for (const env of [
      { VESTIBULE_ISSUER: 'http://login.school.example' },
      { VESTIBULE_LISTEN: `0.0.0.0:${port}` },
    ]) {
      const { code, output, served } = await startInVain(premises, env)
      expect(output).toMatch(/^VESTIBULE_(ISSUER|LISTEN): /)
      expect({ code, served }).toEqual({ code: 2, served: false })
    }
  })
})

describe('a gateway that cannot start', () => {
  it('says which key does not fit the database, and lives again with the right one', async () => {
    const premises = await temporaryPremises()
    const first = await premises.gateway()
    await first.child.stop()
    const { code, output, served } = await startInVain(premises, {
      VESTIBULE_PEPPER: Buffer.alloc(32, 7).toString('base64url'),
    })
    expect(output).toContain('VESTIBULE_PEPPER')
    expect(output).not.toContain('    at ')
    expect({ code, served }).toEqual({ code: 1, served: false })
    await premises.gateway()
  })

  it('says that its port is taken, in one line', async () => {
    const premises = await temporaryPremises()
    const { port } = new URL(premises.issuer)
    const other = createServer((socket) => socket.destroy())
    await new Promise<void>((resolve) => {
      other.listen(Number(port), '127.0.0.1', resolve)
    })
    onTestFinished(() => {
      other.close()
    })
    const { code, output } = await startInVain(premises)
    expect(output.trimEnd()).toMatch(new RegExp(`^.*127\\.0\\.0\\.1:${port}.* in use.*$`))
    expect(code).toBe(1)
  })
})

describe('a running gateway', () => {
  it('keeps keys and database to its owner', async () => {
    const premises = await temporaryPremises()
    await premises.gateway()
    const modes = readdirSync(premises.dataFolder).map((name) => [
      name,
      (statSync(join(premises.dataFolder, name)).mode & 0o777).toString(8),
    ])
    expect(modes.map(([name]) => name)).toEqual(
      expect.arrayContaining(['keys.json', 'vestibule.sqlite']),
    )
    expect(modes.filter(([, mode]) => mode !== '600')).toEqual([])
    expect((statSync(premises.dataFolder).mode & 0o777).toString(8)).toBe('700')
  })

  it('answers the sign-in that is under way when it is told to stop, and takes no other', async () => {
    const premises = await temporaryPremises()
    await importPeople(premises, peopleFile(1, 'personal_password', PASSWORD))
    const gateway = await premises.gateway()
    const browser = createBrowser(premises.issuer)
    await (await application(premises)).start(browser)
    const form = browser.view.html.querySelector('main form')
    const csrf = form?.querySelector('[name=csrf]')?.getAttribute('value') ?? ''
    const body = new URLSearchParams({ identifier: 'person.0', password: PASSWORD, csrf })
    const answer = await new Promise<number | undefined>((resolve, reject) => {
      const posted = request(new URL(form?.getAttribute('action') ?? '', premises.issuer), {
        method: 'POST',
        headers: {
          expect: '100-continue',
          'content-type': 'application/x-www-form-urlencoded',
          'content-length': body.toString().length,
          cookie: browser.jar.getCookieStringSync(browser.view.url.href),
        },
      })
      posted.once('error', reject)
      posted.once('response', (response) => {
        response.resume()
        resolve(response.statusCode)
      })
      // The gateway has the request and waits for the form: now it is told to stop.
      posted.once('continue', () => {
        process.kill(gateway.child.pid, 'SIGTERM')
        vi.waitFor(async () => expect(await isServed(`${premises.issuer}/healthz`)).toBe(false), {
          timeout: 10_000,
        }).then(() => posted.end(body.toString()), reject)
      })
      posted.flushHeaders()
    })
    expect(answer).toBe(303)
    expect((await gateway.child.ended).how).toBe('exit code 0')
    expect(complaints(gateway.output())).toBe('')
  })

  it('tells no secret to its log or to the list of processes, at the chattiest level', async () => {
    const premises = await temporaryPremises({ log_level: 'trace' })
    const csv = premises.file('people.csv', peopleFile(1, 'personal_password', PASSWORD))
    const imported = premises.run(['cli/main.ts', 'people', 'import', csv])
    const commandLines = [readFileSync(`/proc/${imported.child.pid}/cmdline`, 'utf8')]
    await imported.child.ended
    const gateway = await premises.gateway()
    commandLines.push(readFileSync(`/proc/${gateway.child.pid}/cmdline`, 'utf8'))
    const ent = await application(premises)
    const browser = createBrowser(premises.issuer)
    await ent.start(browser)
    const csrf = browser.view.html.querySelector('[name=csrf]')?.getAttribute('value') ?? ''
    await browser.submit({ identifier: 'person.0', password: 'Wrong-Canary-4711' })
    await browser.submit({ identifier: 'person.0', password: PASSWORD })
    await browser.submit({ define_pin: 'yes', new_pin: '123456', confirm_pin: '123456' })
    await browser.submit({ define_pin: 'yes', new_pin: PIN, confirm_pin: PIN })
    await browser.submit({ remember_device: 'yes', device_name: 'Room 201' })
    const code = browser.view.url.searchParams.get('code') ?? ''
    const { response } = await ent.finish(browser)
    await ent.userinfo({ response, claims: response.claims() as never })
    await ent.finish(browser).catch(() => {}) // A code that comes again is told to the log.
    await browser.post('/interaction/none/login', { password: 'Wrong-Canary-4711', csrf })
    const cookies = (await browser.jar.getCookies(premises.issuer)).map(({ value }) => value)
    const keys = Object.values(
      JSON.parse(readFileSync(join(premises.dataFolder, 'keys.json'), 'utf8')) as object,
    ).filter((value) => typeof value === 'string')
    const secrets = [
      PASSWORD,
      'Wrong-Canary-4711',
      '123456',
      `"${PIN}"`,
      CLIENT_SECRET,
      code,
      csrf,
      response.access_token,
      response.refresh_token ?? '',
      response.id_token ?? '',
      ...cookies,
      ...keys,
    ]
    expect(secrets.filter((secret) => secret.length < 4)).toEqual([])
    await gateway.child.stop()
    const everything = [gateway.output(), imported.output(), ...commandLines].join('\n')
    expect(everything).toContain('"msg":"ready"')
    expect(secrets.filter((secret) => everything.includes(secret))).toEqual([])
  })
})
