import type { Context } from 'koa'
import { AppError } from '../accounts/errors.ts'
import type { Site } from './site.ts'

/** `GET /assets/:name`: a static file whose name changes with its content, compressed once. */
export const sendAsset = (ctx: Context, site: Site): void => {
  const asset = site.renderer.assets.serve(ctx.path, ctx.get('accept-encoding'))
  if (asset === undefined) {
    throw new AppError('not_found', `no static file ${ctx.path}`)
  }
  ctx.set(asset.headers)
  ctx.body = asset.body
}
