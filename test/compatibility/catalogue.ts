// All behaviours, by kind, in the order of the page.

import { KINDS } from "./behaviour.ts";
import type { Behaviour, Kind } from "./behaviour.ts";
import { authorization } from "./behaviours/authorization.ts";
import { balancers } from "./behaviours/balancers.ts";
import { bodies } from "./behaviours/bodies.ts";
import { content } from "./behaviours/content.ts";
import { handshake } from "./behaviours/handshake.ts";
import { headers } from "./behaviours/headers.ts";
import { lists } from "./behaviours/lists.ts";
import { messages } from "./behaviours/messages.ts";
import { pings } from "./behaviours/pings.ts";
import { probe } from "./behaviours/probe.ts";
import { restarts } from "./behaviours/restarts.ts";
import { sessions } from "./behaviours/sessions.ts";
import { stdio } from "./behaviours/stdio.ts";
import { streams } from "./behaviours/streams.ts";

const BY_KIND: Readonly<Record<Kind, readonly Behaviour[]>> = {
  sessions,
  probe,
  handshake,
  authorization,
  lists,
  messages,
  content,
  bodies,
  headers,
  streams,
  pings,
  stdio,
  restarts,
  balancers,
};

export interface Group {
  readonly kind: Kind;
  readonly title: string;
  readonly behaviours: readonly Behaviour[];
}

export const GROUPS: readonly Group[] = KINDS.map(([kind, title]) => {
  return { kind, title, behaviours: BY_KIND[kind] };
});

export const BEHAVIOURS: readonly Behaviour[] = GROUPS.flatMap(({ behaviours }) => behaviours);
