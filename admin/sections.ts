import type { Right } from '../policies/admin_rights.ts'

/** The menu of the console, in order; who may not look at one does not see it. */
export const SECTIONS = [
  { name: 'home', href: '/admin', right: 'see_console' },
  { name: 'people', href: '/admin/people', right: 'see_people' },
  { name: 'imports', href: '/admin/imports', right: 'import_people' },
  { name: 'keys', href: '/admin/keys', right: 'see_keys' },
  { name: 'jobs', href: '/admin/jobs', right: 'see_jobs' },
  { name: 'policies', href: '/admin/policies', right: 'see_policies' },
  { name: 'simulator', href: '/admin/simulator', right: 'simulate' },
  { name: 'applications', href: '/admin/applications', right: 'see_applications' },
  { name: 'audit', href: '/admin/audit', right: 'see_audit' },
  { name: 'roles', href: '/admin/roles', right: 'see_roles' },
] as const satisfies readonly { name: string; href: string; right: Right }[]

export type Section = (typeof SECTIONS)[number]['name']
