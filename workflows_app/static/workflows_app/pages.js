// What the console's pages do by themselves: times in the reader's zone, copying, and a home page that stays fresh.
(() => {
    const two = (number) => String(number).padStart(2, "0");
    const zoneOf = (at) =>
        new Intl.DateTimeFormat("en", { timeZoneName: "short" })
            .formatToParts(at)
            .find((part) => part.type === "timeZoneName").value;

    // The server makes pages in the zone that this cookie names. On the first page, times are put right here.
    const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
    const told = `workflows_zone=${zone}`;
    const isKnown = document.cookie.split("; ").includes(told);
    if (!isKnown) {
        const secure = location.protocol === "https:" ? "; secure" : "";
        document.cookie = `${told}; path=/; max-age=31536000; samesite=lax${secure}`;
    }
    const putTimes = (root) => {
        if (isKnown) return;
        for (const time of root.querySelectorAll("time[data-ops-when]")) {
            const at = new Date(time.dateTime);
            const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
            const hour = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
            time.textContent = `${day} ${hour} ${zoneOf(at)}`;
        }
    };

    const copied = (button, isDone) => {
        const label = button.querySelector("[data-ops-copied]");
        label.textContent = isDone ? "Copied" : "Not copied: mark it by hand";
        setTimeout(() => (label.textContent = "Copy"), 2000);
    };

    // Without a secure connection browsers offer no clipboard; the old way still works there.
    const copyOld = (text) => {
        const field = document.createElement("textarea");
        field.value = text;
        document.body.append(field);
        field.select();
        const isDone = document.execCommand("copy");
        field.remove();
        return isDone;
    };

    document.addEventListener("click", async (event) => {
        const button = event.target.closest?.("[data-ops-copy]");
        if (!button) return;
        const text = button.dataset.opsCopy;
        try {
            await navigator.clipboard.writeText(text);
            copied(button, true);
        } catch {
            copied(button, copyOld(text));
            button.focus();
        }
    });

    // The home page asks for itself every half minute. What is looked at stays where it is.
    const home = () => document.getElementById("ops-home");
    let focused = null;
    let scrolled = null;

    const putTitle = () => {
        const waits = Number(home()?.dataset.waits ?? 0);
        const name = document.title.replace(/^\s*\(\d+\+?\)\s*/, "").trim();
        document.title = waits ? `(${home().dataset.waitsShown}) ${name}` : name;
    };

    document.addEventListener("htmx:beforeRequest", (event) => {
        if (event.target !== home()) return;
        const marked = String(document.getSelection() ?? "");
        if (document.hidden || marked) event.preventDefault();
    });

    document.addEventListener("htmx:beforeSwap", (event) => {
        if (event.detail.target !== home()) return;
        const active = document.activeElement;
        focused = home().contains(active) ? active.dataset.opsKey : null;
        scrolled = active && focused ? active.getBoundingClientRect().top : null;
    });

    document.addEventListener("htmx:afterSwap", (event) => {
        if (event.target.id !== "ops-home" && event.detail.target?.id !== "ops-home") return;
        putTimes(document);
        putTitle();
        const again = focused && home().querySelector(`[data-ops-key="${CSS.escape(focused)}"]`);
        if (again) {
            again.focus({ preventScroll: true });
            window.scrollBy(0, again.getBoundingClientRect().top - scrolled);
        }
    });

    document.addEventListener("htmx:afterSwap", (event) => putTimes(event.target));
    document.addEventListener("visibilitychange", () => {
        if (!document.hidden && home()) htmx.trigger(home(), "ops-refresh");
    });
    document.addEventListener("DOMContentLoaded", () => {
        putTimes(document);
        if (home()) putTitle();
    });
})();
