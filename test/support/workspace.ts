import { freePort } from '../../demo/free_port.ts'
import { startWorkspace } from '../../demo/workspace.ts'
import { type School, startSchool } from './school.ts'

const SECRET = 'secret-of-the-workspace-in-the-tests'

export interface SchoolWithWorkspace {
  readonly school: School
  /** Where the workspace's home page is. */
  readonly url: string
  stop(): Promise<void>
}

/** A school by the real clock, for real browsers, with the demonstration workspace. */
export const startWithWorkspace = async (): Promise<SchoolWithWorkspace> => {
  const port = await freePort(0)
  const url = `http://127.0.0.1:${port}`
  const application = {
    client_id: 'workspace',
    client_name: 'Espace numérique',
    client_secret: SECRET,
    redirect_uris: [`${url}/callback`],
    post_logout_redirect_uris: [`${url}/signed-out`],
    backchannel_logout_uri: `${url}/backchannel-logout`,
    backchannel_logout_session_required: true,
    grant_types: ['authorization_code', 'refresh_token'],
    scope: 'openid profile email school offline_access',
    client_uri: url,
  }
  const school = await startSchool({ applications: [application] }, { realClock: true })
  const workspace = await startWorkspace({
    issuer: school.issuer,
    clientId: application.client_id,
    clientSecret: SECRET,
    host: '127.0.0.1',
    port,
  })
  return {
    school,
    url: workspace.url,
    stop: async () => {
      await workspace.close()
      await school.stop()
    },
  }
}
