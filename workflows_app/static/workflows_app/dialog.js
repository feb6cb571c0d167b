// What the theme's dialog lacks: a role and a name for screen readers, one submission at a time,
// ticks that must be set, a word when the session or a permission is gone, typed words that are not lost, and the
// focus: kept inside it while it is open, and then back on the button that opened it.
(() => {
    let opener = null;
    const modal = () => document.getElementById("modal-content");
    const isDialogForm = (element) => element.tagName === "FORM" && modal()?.contains(element);

    const setBusy = (form, busy) => {
        for (const button of form.querySelectorAll("[type=submit]")) {
            button.setAttribute("aria-disabled", String(busy));
        }
    };

    document.addEventListener("htmx:beforeRequest", (event) => {
        const element = event.target;
        if (element.classList.contains("ops-button")) {
            opener = element;
        } else if (isDialogForm(element)) {
            if (element.dataset.sending || !element.reportValidity()) {
                event.preventDefault();
                return;
            }
            if (element.dataset.tokenIsOld) {
                event.preventDefault();
                renewToken(element).then((isNew) => isNew && htmx.trigger(element, "submit"));
                return;
            }
            element.dataset.sending = "true";
            setBusy(element, true);
        }
    });

    // Whoever logs in again gets another token against forged forms.
    const renewToken = async (form) => {
        const answer = await fetch(form.getAttribute("hx-post"), { headers: { "HX-Request": "true" } });
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const token = page.querySelector("form [name=csrfmiddlewaretoken]");
        if (!token || !page.querySelector("#dialog-form")) {
            sayLoggedOut(form);
            return false;
        }
        form.querySelector("[name=csrfmiddlewaretoken]").value = token.value;
        delete form.dataset.tokenIsOld;
        form.querySelector(".ops-logged-out")?.remove();
        return true;
    };

    const say = (form, name) => {
        form.querySelector(`.${name}`)?.remove();
        form.querySelector("#dialog-form").prepend(document.getElementById(name).content.cloneNode(true));
    };

    const sayLoggedOut = (form) => {
        form.dataset.tokenIsOld = "true";
        say(form, "ops-logged-out");
    };

    document.addEventListener("htmx:responseError", async (event) => {
        const { elt: form, xhr } = event.detail;
        if (!isDialogForm(form) || ![401, 403].includes(xhr.status)) return;
        // 403: a permission is gone; or they logged out, and logged in anew, in another tab.
        const again = { headers: { "HX-Request": "true" } };
        const isDenied = xhr.status === 403 && (await fetch(form.getAttribute("hx-post"), again)).status === 403;
        if (isDenied) say(form, "ops-denied");
        else sayLoggedOut(form);
    });

    // A click beside the dialog leaves it open once something was typed. However it is closed, its words are there
    // again when it is opened again; ticks are not, nor is a password.
    const TYPED = "textarea, input[type=text]";
    const kept = new Map();
    const openForm = () => (modal()?.getClientRects().length ? modal().querySelector("form[hx-post]") : null);
    const wordsOf = (form) => [...form.querySelectorAll(TYPED)].filter((field) => field.value.trim());

    document.addEventListener("input", ({ target }) => {
        if (!target.matches?.(TYPED) || !isDialogForm(target.form ?? document.body)) return;
        kept.set(`${target.form.getAttribute("hx-post")} ${target.name}`, target.value);
    });
    const putBack = (form) => {
        for (const field of form?.querySelectorAll(TYPED) ?? []) {
            field.value ||= kept.get(`${form.getAttribute("hx-post")} ${field.name}`) ?? "";
        }
    };
    window.addEventListener(
        "click",
        (event) => {
            const form = openForm();
            if (!form || modal().contains(event.target) || !wordsOf(form).length) return;
            event.preventDefault();
            event.stopPropagation();
            wordsOf(form)[0].focus();
        },
        true,
    );

    // While the database is away the answer is a page for the dialog, though its status is an error's.
    document.addEventListener("htmx:beforeSwap", (event) => {
        if (event.detail.xhr.status === 503 && event.detail.xhr.getResponseHeader("HX-Retarget")) {
            event.detail.shouldSwap = true;
            event.detail.isError = false;
        }
    });

    document.addEventListener("htmx:afterRequest", (event) => {
        const form = event.detail.elt;
        // An answer that leads to another page leaves the form closed for good.
        if (isDialogForm(form) && !event.detail.xhr.getResponseHeader("HX-Redirect")) {
            delete form.dataset.sending;
            setBusy(form, false);
        }
    });

    // The dialog may be shown only after its content has come, and what is hidden takes no focus.
    const focusWhenShown = (field, tries = 100) => {
        if (!field?.isConnected || modal().contains(document.activeElement) || !tries) return;
        field.focus();
        setTimeout(() => focusWhenShown(field, tries - 1), 20);
    };

    document.addEventListener("htmx:afterSwap", (event) => {
        const shown = modal();
        if (!shown || (event.target !== shown && event.target.id !== "dialog")) return;
        shown.setAttribute("role", "dialog");
        shown.setAttribute("aria-modal", "true");
        shown.setAttribute("aria-label", shown.querySelector("h1")?.textContent.trim() ?? "");
        putBack(shown.querySelector("form[hx-post]"));
        focusWhenShown(shown.querySelector("[autofocus]"));
    });

    const CAN_HAVE_FOCUS = "a[href], button, input, select, summary, textarea";
    const isShown = (element) => element.getClientRects().length > 0;
    document.addEventListener("keydown", (event) => {
        if (event.key !== "Tab" || modal()?.getAttribute("role") !== "dialog" || !isShown(modal())) return;
        const stops = [...modal().querySelectorAll(CAN_HAVE_FOCUS)].filter((each) => isShown(each) && !each.disabled);
        const [end, other] = event.shiftKey ? [stops.at(0), stops.at(-1)] : [stops.at(-1), stops.at(0)];
        if (document.activeElement !== end && modal().contains(document.activeElement)) return;
        event.preventDefault();
        other?.focus();
    });

    // The page may have renewed itself behind the dialog.
    const openerNow = () => {
        if (!opener || opener.isConnected) return opener;
        return document.querySelector(`[data-ops-key="${CSS.escape(opener.dataset.opsKey)}"]`);
    };
    const giveFocusBack = () => setTimeout(() => openerNow()?.focus());
    document.addEventListener("keydown", (event) => {
        if (event.key === "Escape" && modal()?.contains(document.activeElement)) giveFocusBack();
    });
    document.addEventListener("click", (event) => {
        const button = event.target.closest?.("[data-ops-close]");
        if (button && modal()?.contains(button)) giveFocusBack();
    });
})();
