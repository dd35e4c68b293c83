/** What the visitor saw whose packets left for this server and were never answered. */
export const unanswered = (server: string, underlay = true) => ({
  missing: "",
  small: new Set<string>(),
  full: new Set<string>(),
  tcp: [],
  underlay,
  servers: new Map([[server, { to: 5, from: 0 }]]),
  outer: 0,
});
