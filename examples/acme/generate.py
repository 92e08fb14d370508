#!/usr/bin/env python3
"""Makes the directory of the sample organisation and a day of changes, always the same ones.

    python3 examples/acme/generate.py

directory/  what the listener of the App Center writes when it meets the organisation for the first time
changes/    what it writes on the following day

All people, numbers and addresses are made up. Only the standard library is needed.
"""

import base64
import json
import shutil
import struct
import uuid
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
BASE = "dc=acme,dc=example"
DOMAIN = "acme.example"

FIRST = """Anna Björn Çelik Dörte Émile Fatma Günther Hannah Ivo Jürgen Käthe Lukas Märta Nils Özlem Paula Quirin Renée
Søren Tomasz Ursula Valentína Wolfgang Xaver Yvonne Zoë""".split()
LAST = """Ackermann Böhm Castaño Dvořák Eßer Fröhlich Großmann Hübner İnan Jäger Köhler Lindström Müller Núñez Oßwald Peters
Quast Röder Schröder Thürmer Ulbrich Voß Weiß Xylander Yılmaz Zöllner""".split()
PLAIN = str.maketrans({
    "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ç": "c", "Ç": "C", "é": "e", "É": "E",
    "ø": "o", "í": "i", "ë": "e", "ñ": "n", "ř": "r", "á": "a", "İ": "I", "ı": "i", "ú": "u",
})
DEPARTMENTS = ["Vertrieb", "Entwicklung", "Einkauf", "Qualität", "Versand", "Buchhaltung"]
CITIES = [("28359", "Bremen"), ("80331", "München"), ("50667", "Köln"), ("01067", "Dresden"), ("8001", "Zürich")]

JPEG = (
    "/9j/4AAQSkZJRgABAgAAAQABAAD/wAARCAAIAAgDAREAAhEBAxEB/9sAQwAbEhQXFBEbFxYXHhwbIChCKyglJShROj0wQmBVZWRfVV1baniZgW"
    "pxkHNbXYW1hpCeo6utq2eAvMm6pseZqKuk/9sAQwEcHh4oIyhOKytOpG5dbqSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSk"
    "pKSkpKSkpKSkpKSk/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhBy"
    "JxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKT"
    "lJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/8QAHwEAAwEBAQEBAQEBAQAAAA"
    "AAAAECAwQFBgcICQoL/8QAtREAAgECBAQDBAcFBAQAAQJ3AAECAxEEBSExBhJBUQdhcRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRom"
    "JygpKjU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6goOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPExc"
    "bHyMnK0tPU1dbX2Nna4uPk5ebn6Onq8vP09fb3+Pn6/9oADAMBAAIRAxEAPwBYbf2raUzOjUP/2Q=="
)


def png(red: int, green: int, blue: int) -> str:
    """An 8 x 8 picture of one colour."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = (b"\0" + bytes([red, green, blue]) * 8) * 8
    data = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + data).decode()


class Spool:
    """Writes files as the App Center names them."""

    def __init__(self, folder: str, day: str):
        self.folder, self.day, self.number = HERE / folder, day, 0
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()

    def raw(self, text: str) -> None:
        self.number += 1
        (self.folder / f"{self.day}-{self.number:06}.json").write_text(text + "\n", encoding="utf-8")

    def write(self, obj: "Object", deleted: bool = False) -> None:
        self.raw(json.dumps({
            "id": obj.id,
            "udm_object_type": obj.kind,
            "dn": obj.dn,
            "object": None if deleted else {**obj.properties, "univentionObjectIdentifier": obj.id},
            "options": [] if deleted else ["default"],
        }, ensure_ascii=False, indent=1))


class Object:
    """A directory object."""

    def __init__(self, kind: str, name: str, dn: str, /, **properties):
        self.id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"https://{DOMAIN}/{kind}/{name}"))
        self.kind, self.dn, self.properties = kind, dn, properties

    def set(self, **properties) -> "Object":
        self.properties.update(properties)
        return self


def plain(text: str) -> str:
    return text.translate(PLAIN).lower()


# ---------------------------------------------------------------- the organisation

contexts = {
    number: Object("oxmail/oxcontext", name, f"cn={name},cn=open-xchange,{BASE}", name=name, contextid=number, **quota)
    for number, name, quota in [
        (10, "acme", {"oxQuota": "20000"}), (20, "acme-sales", {"oxQuota": 5000}), (30, "acme-research", {}),
    ]
}

WEBMAIL = ["contacts", "webmail", "collectemailaddresses", "multiplemailaccounts", "subscription"]
PIM = WEBMAIL + ["calendar", "delegatetask", "tasks"]
GROUPWARE = PIM + ["infostore", "editpublicfolders", "readcreatesharedfolders"]
ALL_RIGHTS = GROUPWARE + ["ical", "vcard", "webdav", "webdavxml", "usm", "activesync", "deniedportal", "editgroup",
                          "editpassword", "editresource", "globaladdressbookdisabled", "syncml", "publicfoldereditable"]


def profile(name: str, display: str, rights: list, true="TRUE", false="FALSE") -> Object:
    flags = {right: true if right in rights else false for right in ALL_RIGHTS}
    return Object("oxmail/accessprofile", name, f"cn={name},cn=accessprofiles,cn=open-xchange,{BASE}",
                  name=name, displayName=display, **flags)


profiles = {p.properties["name"]: p for p in [
    profile("none", "Login disabled", []),
    profile("webmail", "Webmail", WEBMAIL),
    profile("webmail_drive", "Webmail, Drive", WEBMAIL + ["infostore"]),
    profile("pim", "Webmail, PIM", PIM),
    profile("pim_drive", "Webmail, PIM, Drive", PIM + ["infostore"]),
    profile("groupware", "Webmail, PIM, Groupware", GROUPWARE),
    profile("premium", "Webmail, PIM, Groupware, WebDAV", GROUPWARE + ["ical", "vcard", "webdav", "webdavxml", "usm"]),
    # Newer versions of UDM send truth values.
    profile("Außendienst & Co. {mobil}=1", "Außendienst", WEBMAIL + ["activesync", "usm", "calendar"], True, False),
]}

permissions = {name: Object(
    "oxmail/shared_account_permission", name, f"cn={name},cn=shared_account_permissions,cn=open-xchange,{BASE}",
    name=name, displayName=display, mail=mail, calendar=calendar,
    **{capability: capability in granted
       for capability in ["sendAs", "sendOnBehalf", "snippets", "writeSnippets", "manageSieve", "writeJSlob"]},
) for name, display, mail, calendar, granted in [
    ("full_mail_access", "Full Mail Access", "author", "none", ["sendAs"]),
    ("read_only_mail", "Read-only Mail Access", "viewer", "none", []),
    ("full_calendar_access", "Full Calendar Access", "none", "author", ["sendAs"]),
    ("full_mail_and_calendar_access", "Full Mail and Calendar Access", "author", "author", ["sendAs"]),
    ("editors", "Redaktion", "editor", "viewer", ["sendOnBehalf", "snippets"]),
]}

users = {}


def user(number: int, ox: bool = True) -> Object:
    first, last = FIRST[number % len(FIRST)], LAST[(number * 7 + number // len(FIRST)) % len(LAST)]
    name = f"{plain(first)}.{plain(last)}"
    if name in users:
        raise SystemExit(f"{name} occurs twice")
    context = 10 if number % 10 < 6 else 20 if number % 10 < 9 else 30
    # Some live below a container whose name needs escaping, and not everybody escapes alike.
    container = "cn=users" if number % 9 else r"ou=Vertrieb\, Süd"
    zone, city = CITIES[number % len(CITIES)]
    properties = {
        "username": name, "firstname": first, "lastname": last, "displayName": f"{first} {last}",
        "mailPrimaryAddress": f"{name}@{DOMAIN}",
        "isOxUser": "OK" if ox else "Not",
        "uidNumber": 2000 + number, "gidNumber": 5001, "unixhome": f"/home/{name}", "shell": "/bin/bash",
        "groups": [],
    }
    if ox:
        properties.update({
            "oxContext": context if number % 2 else str(context),
            "oxAccess": ["premium", "groupware", "pim_drive", "pim", "webmail_drive", "webmail"][number % 6],
            "oxDisplayName": f"{first} {last}",
            "organisation": "Acme GmbH & Co. KG",
            "oxDepartment": DEPARTMENTS[number % 6],
            "street": f"Universitätsallee {number}", "postcode": zone, "city": city,
            "phone": [f"+49 421 555-{number:04}"] + ([f"+49 421 555-9{number:03}"] if number % 4 == 0 else []),
            "employeeNumber": str(10000 + number),
        })
        if number % 5 == 0:
            properties["mailAlternativeAddress"] = [f"{plain(last)}.{plain(first)}@{DOMAIN}", f"u{number}@{DOMAIN}"]
        if number % 6 == 0:
            properties.update(birthday=f"19{60 + number % 40}-0{1 + number % 9}-1{number % 10}", title="Dr.")
        if number % 7 == 0:
            properties.update(homeTelephoneNumber=[f"0421/77{number:03}"], roomNumber=[f"E{number % 5}.{number:03}"],
                              mobileTelephoneNumber=[f"0151 000 {number:04}"], oxPosition="Leitung")
        if number % 8 == 0:
            properties["oxAnniversary"] = f"0{1 + number % 9}.1{number % 3}.20{10 + number % 15}"
        if number % 11 == 0:
            properties.update(mailHomeServer=f"mail{number % 3}.{DOMAIN}", oxUserQuota=str(500 + number))
        if number % 13 == 0:
            properties.update(oxUserfield01=f"Kostenstelle {number}", oxNote="Zeile 1\nZeile 2 <wichtig> & \"wahr\"",
                              oxMobileBusiness=f"0160 000 {number:04}")
        if number % 17 == 0:
            properties["jpegPhoto"] = JPEG
        if number % 19 == 0:
            properties["jpegPhoto"] = png(number % 256, 90, 160)
    obj = Object("users/user", name, f"uid={name},{container},{BASE}", **properties)
    users[name] = obj
    return obj


by_number = [user(number) for number in range(1, 237)]
plain_users = [user(number, ox=False) for number in range(237, 249)]
for number, access in [(31, "none"), (45, "Außendienst & Co. {mobil}=1"), (57, "Außendienst & Co. {mobil}=1")]:
    by_number[number - 1].set(oxAccess=access)
# Nobody gave this one a profile, and another one has no display name of its own.
del by_number[63].properties["oxAccess"]
del by_number[64].properties["oxDisplayName"]


def in_context(number: int) -> list:
    return [u for u in by_number if int(u.properties["oxContext"]) == number]


def other_spelling(dn: str) -> str:
    """The same name as another program writes it."""
    return dn.replace(r"\, Süd", r"\2C S\C3\BCd").replace("cn=users", "CN=Users")


groups = {}


def group(name: str, members: list, ox=True, dn: str | None = None) -> Object:
    dn = dn or f"cn={name},cn=groups,{BASE}"
    obj = Object("groups/group", name, dn, name=name, isOxGroup="OK" if ox else "Not", gidNumber=6000 + len(groups),
                 description=f"Gruppe {name}", users=[m.dn for m in members])
    for index, member in enumerate(members):
        member.properties["groups"].append(dn)
        if index % 3 == 2:
            obj.properties["users"][index] = other_spelling(member.dn)
    groups[name] = obj
    return obj


for index, department in enumerate(DEPARTMENTS):
    group(f"Team {plain(department).capitalize()}", [u for u in by_number if u.properties["oxDepartment"] == department][:25])
group("users", by_number[:5])
group("empty", [])
group("R+D", in_context(30)[:12], dn=rf"cn=R\+D,cn=groups,{BASE}")
group("management", [by_number[n] for n in (0, 7, 8, 25, 38)])
group("Geschäftsführung", by_number[:3], ox=False)
group("Domain Users", by_number[:20] + plain_users, ox=False)
group("newsletter", plain_users[:3] + in_context(10)[3:6])
group("guests only", plain_users[:4])
for context, name in [(10, "acme"), (20, "sales"), (30, "research")]:
    for part in range(1, 4):
        group(f"project-{name}-{part}", in_context(context)[part * 4:part * 4 + 3 + part])

ten, twenty, thirty = in_context(10), in_context(20), in_context(30)


def functional(name: str, address: str, personal: str | None, members: list) -> Object:
    more = {"personal": personal} if personal else {}
    return Object("oxmail/functional_account", name, f"cn={name},cn=functional_accounts,cn=open-xchange,{BASE}", name=name,
                  mailPrimaryAddress=f"{address}@{DOMAIN}", users=[m.dn for m in members], oxQuota="1000", **more)


functionals = {f.properties["name"]: f for f in [
    functional("Info", "info", "Acme Information", ten[:4]),
    functional("Bewerbung", "jobs", "Personalabteilung", ten[4:6] + twenty[:2]),
    functional("Störungsmeldung", "stoerung", None, [thirty[0]]),
    functional("Unbenutzt", "unused", None, []),
]}


def shared(name: str, display: str, context: int, address: str, members: list, member_groups: list) -> Object:
    return Object("oxmail/shared_account", name, f"cn={name},cn=shared_accounts,cn=open-xchange,{BASE}", name=name,
                  displayName=display, oxContext=context, mailPrimaryAddress=f"{address}@{DOMAIN}",
                  users=[[u.id, permissions[p].id] for u, p in members],
                  groups=[[groups[g].id, permissions[p].id] for g, p in member_groups])


shareds = {s.properties["name"]: s for s in [
    shared("support", "Kundendienst", 10, "support", [(ten[0], "full_mail_access"), (ten[1], "read_only_mail"),
                                                      (ten[2], "full_mail_access")], []),
    shared("press", "Presse & Öffentlichkeit", 10, "press", [(ten[3], "editors")], [("project-acme-1", "read_only_mail")]),
    shared("orders", "Bestellungen", 20, "orders", [(twenty[0], "full_mail_and_calendar_access")],
           [("project-sales-1", "full_mail_access")]),
    shared("lonely", "Niemandes Postfach", 30, "lonely", [], []),
]}


def resource(name: str, display: str, context: int, description: str | None) -> Object:
    more = {"description": description} if description else {}
    return Object("oxresources/oxresources", name, f"cn={name},cn=oxresources,cn=open-xchange,{BASE}", name=name,
                  displayname=display, oxContext=context, resourceMailAddress=f"{name}@{DOMAIN}",
                  resourceadmin=ten[0].dn, **more)


resources = {r.properties["name"]: r for r in [
    resource("room-aquarium", "Besprechungsraum Aquarium", 10, "12 Plätze, Beamer"),
    resource("room-attic", "Dachstübchen", 10, None),
    resource("van-1", "Transporter", 20, "HB-AC 1"),
    resource("laser", "Laser & Prisma", 30, "<nur mit Schutzbrille>"),
]}


def deputies(grantor: Object, *given) -> None:
    grantor.set(oxDeputyPermissionGivenTo=[[deputy.dn, mail, calendar, behalf] for deputy, mail, calendar, behalf in given])


deputies(ten[0], (ten[1], "02440", "02400", "1"), (ten[2], "00000", "08444", "0"))
deputies(twenty[0], (twenty[1], "08444", "08444", True))
deputies(thirty[0], (thirty[1], "00000", "00000", "0"))

spool = Spool("directory", "2026-01-05-08-00-00")
for family in (contexts, profiles, permissions, users, groups, functionals, shareds, resources):
    for obj in family.values():
        spool.write(obj)

# ---------------------------------------------------------------- a day of changes

day = Spool("changes", "2026-01-06-09-00-00")


def save(*objects: Object) -> None:
    for obj in objects:
        day.write(obj)


def replace_member(old: str, new: str | None) -> list:
    """What referential integrity does: the groups that had to change."""
    changed = []
    for obj in groups.values():
        members = obj.properties["users"]
        for spelling in (old, other_spelling(old)):
            if spelling in members:
                at = members.index(spelling)
                members[at:at + 1] = [new] if new else []
                changed.append(obj)
    return changed


# Somebody marries: new name, new address, the old one stays as an alias.
bride = ten[10]
old_dn, old_mail = bride.dn, bride.properties["mailPrimaryAddress"]
bride.dn = f"uid=frieda.neumann,cn=users,{BASE}"
bride.set(username="frieda.neumann", firstname="Frieda", lastname="Neumann", displayName="Frieda Neumann",
          oxDisplayName="Frieda Neumann", mailPrimaryAddress=f"frieda.neumann@{DOMAIN}", mailAlternativeAddress=[old_mail])
save(bride, *replace_member(old_dn, bride.dn))

# Somebody moves to another department and therefore to another context; a colleague goes the other way.
mover = ten[12]
mover.set(oxContext=20, oxDepartment="Vertrieb")
mover.properties.pop("jpegPhoto", None)
save(mover)
back = twenty[12]
back.set(oxContext=10)
back.properties.pop("jpegPhoto", None)
save(back)
# Both are in this group from now on, so it exists in three contexts.
cross = groups["management"]
cross.properties["users"] += [mover.dn, back.dn]
save(cross)

# Two people leave.
for leaver in (ten[20], thirty[10]):
    day.write(leaver, deleted=True)
    save(*replace_member(leaver.dn, None))

# An address is handed over: first the old owner gives it up, then the new one takes it.
giver, taker = ten[22], twenty[15]
address = f"datenschutz@{DOMAIN}"
giver.set(mailAlternativeAddress=[address])
save(giver)
giver.set(mailAlternativeAddress=[])
save(giver)
taker.set(mailAlternativeAddress=[address])
save(taker)

# A profile grants more than before, and somebody gets another profile.
profiles["Außendienst & Co. {mobil}=1"].set(tasks=True, infostore=True)
save(profiles["Außendienst & Co. {mobil}=1"])
ten[25].set(oxAccess="none")
save(ten[25])

# A trainee: the group comes first, the user later.
trainee = Object("users/user", "tilda.azubi", f"uid=tilda.azubi,cn=users,{BASE}", username="tilda.azubi", firstname="Tilda",
                 lastname="Azubi", displayName="Tilda Azubi", oxDisplayName="Tilda Azubi", isOxUser="OK", oxContext=10,
                 oxAccess="webmail", mailPrimaryAddress=f"tilda.azubi@{DOMAIN}", groups=[groups["project-acme-2"].dn])
groups["project-acme-2"].properties["users"].append(trainee.dn)
save(groups["project-acme-2"])
save(trainee)
deputies(ten[30], (trainee, "02400", "02400", "0"))
save(ten[30])

# Groups: one gets a new name, one loses its last member, one gets its first.
rename = groups["project-sales-2"]
old_group_dn = rename.dn
rename.dn = f"cn=project-sales-two,cn=groups,{BASE}"
rename.set(name="project-sales-two")
save(rename)
groups["project-research-3"].set(users=[])
save(groups["project-research-3"])
groups["empty"].properties["users"].append(twenty[20].dn)
save(groups["empty"])

# Somebody leaves OX but not the company; somebody else joins OX.
twenty[25].set(isOxUser="Not")
save(twenty[25])
newcomer = plain_users[5]
newcomer.set(isOxUser=True, oxContext="30", oxAccess="pim", oxDisplayName=newcomer.properties["displayName"])
save(newcomer)

# Accounts, permissions, resources and contexts change as well.
permissions["read_only_mail"].set(snippets=True)
save(permissions["read_only_mail"])
functionals["Bewerbung"].set(users=[ten[5].dn, twenty[2].dn], personal="Bewerbungen")
save(functionals["Bewerbung"])
day.write(functionals["Störungsmeldung"], deleted=True)
shareds["support"].set(users=[[ten[0].id, permissions["read_only_mail"].id], [trainee.id, permissions["editors"].id]],
                       displayName="Kundendienst und Beratung")
save(shareds["support"])
day.write(shareds["lonely"], deleted=True)
resources["van-1"].set(oxContext=10, description="HB-AC 1, jetzt in der Zentrale")
save(resources["van-1"])
resources["room-attic"].set(displayname="Dachstube")
save(resources["room-attic"])
day.write(resources["laser"], deleted=True)
contexts[20].set(oxQuota=8000)
save(contexts[20])
deputies(twenty[0])
save(twenty[0])

# Most changes of a directory do not matter to OX.
for quiet in ten[40:46]:
    quiet.set(shell="/bin/zsh")
    save(quiet)

# One object is wrong: an OX user needs a mail address. It must be parked and stop nobody.
bad = Object("users/user", "ohne.adresse", f"uid=ohne.adresse,cn=users,{BASE}", username="ohne.adresse", firstname="Otto",
             lastname="Ohneadresse", oxDisplayName="Otto Ohneadresse", isOxUser="OK", oxContext=10, oxAccess="pim", groups=[])
save(bad)
# One file is broken. It must be rejected and stop nobody.
day.raw('{"id": "5d1c7c0e-0000-4000-8000-000000000bad", "udm_object_type": "users/user", "dn": "uid=bro')
# Things go on afterwards.
ten[50].set(title="Prof.", phone=["+49 421 555-1111", "+49 421 555-2222"])
save(ten[50])
