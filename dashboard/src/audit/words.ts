// What the audit's values are called on the page.
import { AuditEntry_Decision } from "../contract";
import type { Look } from "../words";

const DECISIONS: [AuditEntry_Decision, string, Look][] = [
  [AuditEntry_Decision.ALLOWED, "allowed", { word: "Done", icon: "check", tone: "good" }],
  [AuditEntry_Decision.DENIED, "denied", { word: "Denied", icon: "cross", tone: "bad" }],
  [AuditEntry_Decision.LIMITED, "limited", { word: "Over a limit", icon: "pause", tone: "warn" }],
];

/** Those that a list can be narrowed to, as the address has them, with their words. */
export const CHOICES: [string, string][] = DECISIONS.map(([, slug, { word }]) => [slug, word]);

export const decisionSlug = (decision: AuditEntry_Decision): string =>
  DECISIONS.find(([one]) => one === decision)?.[1] ?? "";

export const decisionOfSlug = (slug: string): AuditEntry_Decision | undefined =>
  DECISIONS.find(([, one]) => one === slug)?.[0];

export const decisionLook = (decision: AuditEntry_Decision): Look =>
  DECISIONS.find(([one]) => one === decision)?.[2] ?? { word: "Unknown", icon: "question", tone: "idle" };

/** A map: no name of a method is one of what every object has. */
const METHODS = new Map([
  ["StoreService/Create", "Create a store"],
  ["StoreService/Get", "Read a store"],
  ["StoreService/List", "List stores"],
  ["StoreService/GetSummary", "Count stores"],
  ["StoreService/WatchStatus", "Watch stores"],
  ["StoreService/GetCredentials", "Read a store's login"],
  ["StoreService/Delete", "Delete a store"],
  ["BackupService/CreateBackup", "Back a store up"],
  ["BackupService/GetBackup", "Read a backup"],
  ["BackupService/ListBackups", "List backups"],
  ["BackupService/UpdateBackup", "Change a backup"],
  ["BackupService/DeleteBackup", "Delete a backup"],
  ["TokenService/Create", "Make a token"],
  ["TokenService/List", "List tokens"],
  ["TokenService/Revoke", "Revoke a token"],
  ["TenantService/Create", "Declare a tenant"],
  ["TenantService/Get", "Read a tenant"],
  ["TenantService/List", "List tenants"],
  ["TenantService/Update", "Change a tenant"],
  ["TenantService/Delete", "Delete a tenant"],
  ["AuditService/List", "Read the audit"],
  ["AccountService/GetPrincipal", "Ask who the caller is"],
]);

/** "sendstores.v1.StoreService/Create" as "StoreService/Create". */
export const shortMethod = (method: string): string => method.replace(/^sendstores\.v1\./, "");

/** What a method does. That of a newer server has only its name. */
export const methodWords = (method: string): string => METHODS.get(shortMethod(method)) ?? shortMethod(method);

/** The methods that one looks for: those that change or reveal something. */
export const SOUGHT: [string, string][] = [...METHODS]
  .filter(([name]) => /\/(Create|Update|Delete|Revoke|GetCredentials|(Create|Update|Delete)Backup)$/.test(name))
  .map(([name, words]) => [`sendstores.v1.${name}`, words]);
