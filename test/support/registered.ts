import { APPLICATION_KINDS, type ApplicationKind } from '../../accounts/application_ports.ts'
import { registerApplication } from '../../accounts/applications.ts'
import { readRegistration } from '../../accounts/registration.ts'
import { CALLBACK, type School } from './school.ts'

/** Registers an application as the console does; its secret. */
export const register = async (
  school: School,
  given: Readonly<Record<string, unknown>> = {},
  kind: ApplicationKind = APPLICATION_KINDS[3],
): Promise<string> => {
  const read = readRegistration({
    client_id: 'exercises',
    client_name: 'Exercises',
    redirect_uris: [CALLBACK],
    scope: 'openid profile email school',
    ...given,
  })
  if (!read.ok) {
    throw new Error(JSON.stringify(read.faults))
  }
  const { core } = school.gateway
  const done = await registerApplication(core.deps, {
    kind,
    registration: read.registration,
    by: 'test',
    isTaken: core.registry.isDeclared,
  })
  if (!done.ok) {
    throw new Error(done.reason)
  }
  return done.secret ?? ''
}
