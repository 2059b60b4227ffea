/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C++ headers come first: ours are read as C and must not pull them into that.
 */
#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <re2/re2.h>

extern "C" {
#include "base/regex.h"
}

#define REGEX_MEM_MAX                                                                              \
    (INT64_C(8) << 20)        /* bytes of one pattern's program and states; RE2's own default */
#define REGEX_GROUPS_MAX 1000 /* groups that $1 can name; more take the rest as empty */

/* How a pattern is answered. All but ENGINE are plain comparisons. */
enum class shape {
    engine,
    literals, /* one of `literals` (anchored) */
    affixes,  /* `before` + any text + `after`, anchored */
    contains, /* `inner` somewhere */
};

struct regex {
    std::string pattern;
    bool anchored = false;
    enum shape shape = shape::engine;
    std::vector<std::string> literals; /* sorted, without doubles */
    std::string before, after, inner;
    size_t least = 0;                 /* bytes that the text must have at least: of .+ */
    std::unique_ptr<re2::RE2> engine; /* always there: expansion needs the groups */
};

static bool is_meta(char c)
{
    return c != '\0' && strchr("\\.+*?()|[]{}^$", c);
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static std::string_view view(struct str s)
{
    return std::string_view(s.p ? s.p : "", s.len);
}

/* ---- shapes that need no engine ------------------------------------------------------------ */

/* Reads literal text up to a metacharacter; an escaped one, as in 10\.0\.0\.1, is literal. */
static std::string take_literal(std::string_view *p)
{
    std::string text;

    while (!p->empty()) {
        char c = p->front();

        if (c == '\\' && p->size() > 1 && (is_meta((*p)[1]) || (*p)[1] == '-')) {
            text += (*p)[1];
            p->remove_prefix(2);
            continue;
        }
        if (is_meta(c))
            break;
        text += c;
        p->remove_prefix(1);
    }
    return text;
}

/* a|b|c, also in one pair of parentheses. */
static bool take_alternatives(std::string_view p, std::vector<std::string> *ret)
{
    std::vector<std::string> found;

    if (p.size() >= 2 && p.front() == '(' && p.back() == ')') {
        p = p.substr(1, p.size() - 2);
        if (p.substr(0, 2) == "?:")
            p.remove_prefix(2);
    }
    for (;;) {
        found.push_back(take_literal(&p));
        if (p.empty())
            break;
        if (p.front() != '|')
            return false;
        p.remove_prefix(1);
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    *ret = std::move(found);
    return true;
}

/* .* or .+; adds to *least what it demands. */
static bool take_any(std::string_view *p, size_t *least)
{
    if (p->substr(0, 2) != ".*" && p->substr(0, 2) != ".+")
        return false;
    *least += (*p)[1] == '+';
    p->remove_prefix(2);
    return p->empty() ||
           (p->front() != '*' && p->front() != '?' && p->front() != '+' && p->front() != '{');
}

/* A literal must not be followed by something that repeats its last character. */
static bool is_repetition(std::string_view p)
{
    return !p.empty() &&
           (p.front() == '*' || p.front() == '+' || p.front() == '?' || p.front() == '{');
}

/* lit.*, .*lit, lit.*lit, .*, .+ and the like, or .*lit.* */
static bool find_affixes(std::string_view p, struct regex *re)
{
    size_t least = 0;

    re->before = take_literal(&p);
    if (is_repetition(p) || !take_any(&p, &least))
        return false;
    re->after = take_literal(&p);
    if (is_repetition(p))
        return false;
    if (p.empty()) {
        re->least = re->before.size() + re->after.size() + least;
        re->shape = shape::affixes;
        return true;
    }
    /* With .+ around it the place of the inner text would matter. */
    if (!re->before.empty() || least > 0 || !take_any(&p, &least) || !p.empty() || least > 0)
        return false;
    re->inner = std::move(re->after);
    re->shape = shape::contains;
    return true;
}

static void find_shape(struct regex *re)
{
    std::string_view p = re->pattern;

    if (!re->anchored) {
        re->inner = take_literal(&p);
        if (p.empty())
            re->shape = shape::contains;
        return;
    }
    if (take_alternatives(p, &re->literals))
        re->shape = shape::literals;
    else
        find_affixes(p, re);
}

/*
 * The pattern with (?<name>...) written as (?P<name>...): Go takes both, this RE2 only the second.
 * Within classes and after a backslash a parenthesis is only a character.
 */
static std::string with_old_group_names(std::string_view p)
{
    std::string out;
    bool in_class = false;

    for (size_t i = 0; i < p.size(); i++) {
        out += p[i];
        if (p[i] == '\\' && i + 1 < p.size())
            out += p[++i];
        else if (p[i] == '[')
            in_class = true;
        else if (p[i] == ']')
            in_class = false;
        else if (!in_class && p.substr(i, 3) == "(?<" && i + 3 < p.size() &&
                 is_name_byte(p[i + 3])) {
            out += "?P";
            i++;
        }
    }
    return out;
}

/* ---- the C face ---------------------------------------------------------------------------- */

int regex_new(struct str pattern, enum regex_flags flags, struct regex **ret, struct err *err)
{
    auto re = std::make_unique<struct regex>();
    re2::RE2::Options options;

    if (pattern.len > REGEX_PATTERN_MAX)
        return err_set(err, -EINVAL, "regular expression of %zu bytes is longer than %d",
                       pattern.len, REGEX_PATTERN_MAX);
    re->pattern = view(pattern);
    re->anchored = flags & REGEX_ANCHORED;
    options.set_log_errors(false);
    options.set_max_mem(REGEX_MEM_MAX);
    options.set_dot_nl(re->anchored);
    re->engine = std::make_unique<re2::RE2>(with_old_group_names(re->pattern), options);
    if (!re->engine->ok())
        return err_set(err, -EINVAL, "%s", re->engine->error().c_str());
    find_shape(re.get());
    *ret = re.release();
    return 0;
}

void regex_free(struct regex *re)
{
    delete re;
}

struct str regex_pattern(const struct regex *re)
{
    return str_n(re->pattern.data(), re->pattern.size());
}

/* Fills groups[0 .. n) with the first match at or after `from`. */
static bool run(const struct regex *re, std::string_view text, size_t from,
                re2::StringPiece *groups, int n)
{
    return re->engine->Match(re2::StringPiece(text.data(), text.size()), from, text.size(),
                             re->anchored ? re2::RE2::ANCHOR_BOTH : re2::RE2::UNANCHORED, groups,
                             n);
}

static bool has_affixes(const struct regex *re, std::string_view t)
{
    return t.size() >= re->least && t.compare(0, re->before.size(), re->before) == 0 &&
           t.compare(t.size() - re->after.size(), re->after.size(), re->after) == 0;
}

bool regex_match(const struct regex *re, struct str text)
{
    std::string_view t = view(text);

    switch (re->shape) {
    case shape::literals: return std::binary_search(re->literals.begin(), re->literals.end(), t);
    case shape::affixes: return has_affixes(re, t);
    case shape::contains: return t.find(re->inner) != t.npos;
    case shape::engine: break;
    }
    return run(re, t, 0, nullptr, 0);
}

size_t regex_literal_count(const struct regex *re)
{
    return re->literals.size();
}

struct str regex_literal(const struct regex *re, size_t i)
{
    return str_n(re->literals[i].data(), re->literals[i].size());
}

/* ---- replacement texts --------------------------------------------------------------------- */

/* The name behind a dollar sign, name or {name}. False, with *p untouched, when there is none. */
static bool take_name(std::string_view *p, std::string_view *ret)
{
    bool brace = !p->empty() && p->front() == '{';
    size_t from = brace, to = from;

    while (to < p->size() && is_name_byte((*p)[to]))
        to++;
    if (to == from || (brace && (to == p->size() || (*p)[to] != '}')))
        return false;
    *ret = p->substr(from, to - from);
    p->remove_prefix(to + brace);
    return true;
}

/* The number of a group, or -1. What has a leading zero is no number, but it may be a name. */
static int group_number(const struct regex *re, std::string_view name)
{
    const auto &named = re->engine->NamedCapturingGroups();
    bool digits = std::all_of(name.begin(), name.end(),
                              [](char c) { return c >= '0' && c <= '9'; });

    if (digits && name.size() < 9 && (name.size() == 1 || name.front() != '0'))
        return std::stoi(std::string(name));
    auto at = named.find(std::string(name));
    return at == named.end() ? -1 : at->second;
}

static void add_expanded(const struct regex *re, std::string_view replacement,
                         const std::vector<re2::StringPiece> &groups, struct buf *out)
{
    std::string_view name;

    while (!replacement.empty()) {
        size_t dollar = std::min(replacement.find('$'), replacement.size());

        buf_add(out, replacement.data(), dollar);
        replacement.remove_prefix(dollar);
        if (replacement.empty())
            return;
        replacement.remove_prefix(1);
        if (take_name(&replacement, &name)) {
            int number = group_number(re, name);

            if (number >= 0 && static_cast<size_t>(number) < groups.size())
                buf_add(out, groups[number].data(), groups[number].size());
            continue;
        }
        if (!replacement.empty() && replacement.front() == '$')
            replacement.remove_prefix(1);
        buf_add_byte(out, '$');
    }
}

static std::vector<re2::StringPiece> room_for_groups(const struct regex *re)
{
    int n = re->engine->NumberOfCapturingGroups() + 1;

    return std::vector<re2::StringPiece>(std::min(n, REGEX_GROUPS_MAX));
}

bool regex_expand(const struct regex *re, struct str text, struct str replacement, struct buf *out)
{
    std::vector<re2::StringPiece> groups = room_for_groups(re);

    if (!run(re, view(text), 0, groups.data(), static_cast<int>(groups.size())))
        return false;
    add_expanded(re, view(replacement), groups, out);
    return true;
}

/* Where the next search starts: never at the same place twice, and not within a character. */
static size_t step(std::string_view t, size_t at)
{
    uint32_t ignored;

    return at < t.size() ? at + str_utf8_next(str_n(t.data() + at, t.size() - at), &ignored)
                         : at + 1;
}

void regex_replace_all(const struct regex *re, struct str text, struct str replacement,
                       struct buf *out)
{
    std::vector<re2::StringPiece> groups = room_for_groups(re);
    std::string_view t = view(text);
    size_t done = 0, from = 0; /* t up to `done` is in out, replaced */

    while (from <= t.size() && run(re, t, from, groups.data(), static_cast<int>(groups.size()))) {
        size_t start = static_cast<size_t>(groups[0].data() - t.data()),
               end = start + groups[0].size();

        buf_add(out, t.data() + done, start - done);
        /* An empty match right behind a match is none. */
        if (end > done || start == 0)
            add_expanded(re, view(replacement), groups, out);
        done = end;
        from = end > from ? end : step(t, from);
        if (re->anchored)
            break;
    }
    if (done < t.size())
        buf_add(out, t.data() + done, t.size() - done);
}
