"""Words and phrases that only documents of one kind use, in four languages. Data alone: cues.py reads and counts them.

Each mark is its points, a colon, and phrases with commas between them, on further lines where the line is indented. ^ and $: where a sentence or a
line begins and ends; *: any letters. A mark counts once, whichever of its phrases is found.
"""

from __future__ import annotations

WORDS: dict[str, str] = {
    "contract": """
2: the parties, both parties, either party, neither party, each party, other party, die parteien, vertragsparteien, les parties
2: las partes, ambas partes, les soussignés, de una parte, de otra parte, la otra parte
2: ^this agreement, ^the agreement, this agreement is, this contract, this lease, this deed, the present contract, le présent contrat
2: el presente contrato, diesem vertrag, dieses vertrages, folgender vertrag, present agreement, these terms are
2: governing law, governed by, droit applicable, soumis au droit, gerichtsstand, anwendbares recht, legislación aplicable, jurisdiction
2: hereinafter, in witness whereof, ^whereas, now therefore, ci après, en adelante la, en adelante el, nachfolgend genannt, ^reunidos, il a été convenu
1: indemnif*, liable for, limitation of liability, liability, liquidated damages, haftung, responsabilité, responsabilidad, sachmängel*
1: terminate this, may terminate, right to terminate, notice in writing, written notice, kündigungsfrist, résiliation, resolución del contrato
1: lessor, lessee, landlord, licensor, licensee, lender, borrower, seller, vermieter*, verkäufer*, auftragnehmer, arrendador*, bailleur,
   cedente
2: ^agreement$, ^contract of, ^contract$, ^vertrag$, ^subcontract$, ^contrat de*, ^contrato de*, ^lease, ^deed of*, ^terms of service$,
   ^vertrag zwischen
1: subcontractor, the contractor, the supplier shall, the customer shall, the client shall, the tenant agrees, verpflichtet sich, s engage à
1: signed by both, in writing signed, on behalf of, en dos ejemplares, por duplicado, deux exemplaires, schriftform, unterschriften der
""",
    "invoice": """
3: ^invoice$, ^tax invoice, ^invoice no*, ^invoice number, ^rechnung$, ^rechnung nr, ^rechnungsnummer, ^facture n*, ^factura n*, ^receipt$
2: invoice no, invoice number, invoice date, rechnungsdatum, rechnungsnummer, date de facture, fecha de factura, bill no, tax invoice
2: amount due, balance due, total due, amount payable, rechnungsbetrag, gesamtbetrag, net à payer, total a pagar, total ttc, new balance
2: subtotal, sub total, zwischensumme, nettobetrag, total ht, base imponible, net total, grand total, somme ht, zu zahlen
1: vat, sales tax, mwst, mehrwertsteuer, ust, tva, iva, gst, incl tax, tax
1: bill to, billed to, sold to, unit price, einzelpreis, stückpreis, prix unitaire, pu ht, precio unitario, qty, menge, qté, cantidad
1: iban, sort code, remit*, account number, bank transfer, überweisen, überweisung, virement, transferencia, kontonummer, pay online
1: visa, mastercard, ^cash, ^change, cashier, paid by card, bar bezahlt, charged to card, payment received, bar erhalten, carte bancaire, tarjeta
1: payment terms, net 30, days net, due date, due on receipt, zahlbar, ohne abzug, à réception, forma de pago, payable on receipt, pay by
1: ^receipt, ^bill$, ^your bill, ^facture, ^factura, ^quittung, ^ticket, receipt date, with this receipt
""",
    "manual": """
3: handbook, user manual, user guide, operating instructions, bedienungsanleitung, gebrauchsanweisung, leitfaden, notice d utilisation
3: mode d emploi, manual de uso, manual de usuario, manual del usuario, instrucciones de uso, guía de, operating procedure, quick start,
   handbuch
2: troubleshoot*, ^problems$, störungen, en cas de panne, dépannage, solución de problemas, if something goes wrong, common errors,
   fehlerbehebung
2: safety instructions, ^warning$, ^caution$, sicherheitshinweise, consignes de sécurité, advertencia*, safety warnings, precauciones
1: getting started, installation, inbetriebnahme, instalación, mise en service, configuration, configuración, before first use, set up,
   setting up
1: how it works, how to use, ^tips$, tips for, best practices, frequently asked questions, what to do if, contact support, so geht es
1: step 1, how to, follow these steps, instructions, next step, schritt 1, étape 1, paso 1, step 2
2: ^policy, this policy, policies, company policy, guidelines, richtlinie, règlement intérieur
1: procedure, procedures, eligibility, requirements
1: all employees, employees must, employees who, all staff, staff must, your supervisor, your manager, must not, are not permitted, not allowed
1: make sure, do not use, if the light, reset, button, taste, bouton, botón, pulse, drücken
""",
    "letter": """
3: ^dear, ^to whom it may concern, ^sehr geehrte, ^sehr geehrter, ^sehr geehrtes, ^liebe, ^lieber, ^madame, ^monsieur, ^cher, ^chère, ^chers
3: ^estimado, ^estimada, ^estimados, ^estimadas, ^muy señor, ^muy señores, ^distinguido, ^distinguida, ^querido, ^querida, ^gentile, ^egregio
2: yours sincerely, yours faithfully, ^sincerely, yours truly, respectfully yours, ^respectfully, very truly yours, with best wishes,
   hochachtungsvoll
2: mit freundlichen grüßen, mit freundlichem gruß, veuillez agréer, je vous prie d agréer, salutations distinguées, atentamente, reciban un*
1: kind regards, best regards, with kind regards, sincères salutations, reciba un*, un cordial saludo, meilleures salutations, ^sincerely$
4: ^memorandum, ^memo$, ^interoffice memo*, ^note de service, ^aktennotiz, ^hausmitteilung, ^circular$
1: i am writing, we are writing, i write to, your letter, thank you for your letter, enclosed, we are pleased, i enclose, ihr schreiben
1: par la présente, por la presente, hiermit, je vous informe, les comunicamos, le informamos, teilen ihnen, lege ich, füge ich,
   je vous remercie
1: look forward to, we would like, please let us know, à votre disposition, quedamos a su, zur verfügung, wir bitten sie, ich bitte
""",
    "report": """
2: ^abstract, ^zusammenfassung, ^résumé$, ^resumen, ^executive summary, ^summary$, ^synthèse, ^management summary, ^kurzfassung
2: ^conclusions$, ^conclusion$, ^fazit, ^conclusiones, ^conclusions et, ^findings, ^key findings, ^discussion, ^schlussfolgerung*, ^hallazgos
2: ^results$, ^methods$, ^methodology$, ^materials and methods, ^ergebnisse, ^résultats, ^principaux résultats, ^resultados, ^vorgehen,
   ^méthode*
2: ^recommendations, ^recommandations, ^empfehlungen, ^recomendaciones, ^conclusiones y recomendaciones, wir empfehlen, se recomienda
2: annual report, quarterly report, monthly report, *bericht, rapport d*, rapport annuel, informe anual, informe de, final report, ^report on
1: ^audit of, ^assessment of, ^analysis of, ^inspection of, ^survey of, incident report, root cause, jahresabschluss, assessment
1: table 1, table 2, table 3, table 4, figure 1, figure 2, figure 3, figure 4, fig 1, fig 2, tabelle 1, tabelle 2, abbildung 1, abbildung 2
1: tableau 1, tableau 2, tableau 3, tabla 1, tabla 2, tabla 3, gráfico 1, et al, related work, in this paper, we propose, our findings
1: the present paper, this paper, is presented, are presented, is investigated, was investigated, an investigation, is shown that, was found that,
   in good agreement, experimental results, numerical results, were conducted, were obtained, is obtained, theoretical, hypothesis, this study
1: compared with, compared to, than a year, previous year, last year, gegenüber dem vorjahr, par rapport à, respecto al, year on year,
   frente al
1: ^introduction, ^background, ^scope$, ^objective and scope, ^observations, ^outlook, ^ausblick, ^ausgangslage, ^introducción, ^einleitung
1: we studied, we examined, was carried out, was inspected, were analysed, were tested, survey, befragten, enquête, encuesta, on average,
   sample
1: revenue, operating profit, umsatz, chiffre d affaires, rate for the, the share of, increased by, rose by, fell by, rose to, grew by, stieg
1: ^references$, ^bibliography, ^literatur, ^références, ^referencias, ^keywords, ^appendix, report id, prepared by, confidence interval
""",
    "form": """
2: fill in, filled in, to be completed, be filled out, fill out, please print, block capitals, druckbuchstaben, ausfüllen, auszufüllen,
   à remplir
2: office use, official use, use only, do not write, réservé à, cadre réservé, wird von der, vom amt, uso exclusivo, a rellenar, rellene
2: tick one, check one, check this box, check all that apply, the box that applies, circle the, tick the, ankreuzen, cocher, cochez, marque con
1: date of birth, dob, geburtsdatum, date de naissance, fecha de nacimiento, ssn, social security, place of birth, geburtsort
1: first name, last name, surname, given name, vorname, prénom, apellidos, full name, middle initial, name vorname, nachname, familienname
1: ^signature, applicant s signature, ^unterschrift, datum unterschrift, ^firma, date signed, signature of, signature du, firma del
2: application form, ^application for, ^antrag*, ^formulaire, ^formulario, ^solicitud, questionnaire, *formular, ^demande de
1: yes no, ja nein, oui non, sí no, y n, yes or no, if yes, if so list, nein ja, wenn ja
1: zip, zip code, plz, city state, middle initial, phone, telephone, adresse, dirección, anschrift
2: add lines, subtract line, from line, enter 0, see instructions, attach to, attach schedule, line 1, enter the amount
1: this form, return this, return the form, i declare, i consent, ich erkläre, je déclare, declaro, hiermit beantrage, i certify
""",
    "cv": """
4: curriculum vitae, ^lebenslauf, ^resume of, ^resume$, hoja de vida, ^cv$, ^currículum, ^curriculum
2: ^experience$, ^work experience, ^professional experience, ^work history, ^employment$, ^employment history, ^berufserfahrung,
   ^beruflicher werdegang
2: ^expériences professionnelles, ^expérience professionnelle, ^expérience, ^experiencia laboral, ^experiencia profesional, ^career,
   ^appointments$
1: ^education$, ^ausbildung, ^formation$, ^formación, ^formación académica, ^qualifications, ^degrees$, ^training$, ^education and training
1: ^schooling, ^schulische, ^studium, ^estudios, ^diplomas, ^academic background, ^university, ^schulbildung
2: ^skills$, ^key skills, ^technical skills, ^kenntnisse, ^compétences, ^competencias, ^habilidades, ^edv$, ^informática, ^strengths$,
   ^it skills
1: ^languages$, ^sprachen, ^langues, ^idiomas, ^language skills, ^sprachkenntnisse, muttersprache*, native, fluent
1: ^interests$, ^hobbies$, ^interessen, ^hobbys$, ^centres d intérêt, ^loisirs, ^aficiones, ^personal details, ^persönliche daten,
   ^datos personales
2: references available, available on request, available upon request, furnished upon request, ^referees$, supplied on request, ^references$
1: ^certifications, ^licenses, ^licences, ^awards$, ^publications$, ^selected publications, ^memberships$, ^achievements$, ^grants$,
   certificates
1: ^objective$, ^profile$, ^summary$, ^career summary, ^professional profile, ^career profile, ^profil$, ^perfil$, ^nationality, ^born$,
   geboren am
1: driving licence, driver s license, führerschein, permis b, carné de conducir, permiso de conducir, verheiratet, ledig, familienstand
1: bsc, msc, phd, b s, m s, b a, m a, bachelor, master, mba, diploma, abitur, baccalauréat, grado en, licence de, mb chb, ged
""",
    "email": """
3: forwarded message, original message, weitergeleitete nachricht, ursprüngliche nachricht, message transféré, mensaje reenviado,
   message d origine
2: sent from my, gesendet von meinem, von meinem handy, envoyé de mon, enviado desde mi, unsubscribe, view in browser, do not reply to this,
   noreply
1: ^hi, ^hey, ^hello, ^hallo, ^hola, ^bonjour, ^salut, ^hi all, ^ciao, ^moin
1: ^cheers, ^thanks, ^best, ^thx, ^viele grüße, ^schöne grüße, ^danke, ^vg, ^lg, ^un saludo, ^saludos, ^bonne journée, ^see you, ^cordialement
1: attached, attachment, im anhang, anbei, pièce jointe, adjunto, te adjunto, see below, screenshot, the link
1: this mail, this email, your mail, your message, reply, let me know, can you send, could you, könnt ihr, peux tu, puedes, passt euch
""",
}
"""Anywhere in the text."""

TITLES: dict[str, str] = {
    "contract": """
0: *agreement, *contract, lease, tenancy, deed, terms of service, terms of use, licence terms, *vertrag, contrat, contrato, statement of work
""",
    "invoice": """
0: *invoice, receipt, bill, *rechnung, facture, factura, quittung, fattura, statement, credit note, recibo, check
""",
    "manual": """
0: manual, guide, handbook, instructions, policy, procedure, *anleitung, leitfaden, notice d utilisation, mode d emploi, guía, how to, *handbuch, setting up,
   readme
""",
    "letter": """
2: memorandum, memo, reminder, circular
""",
    "report": """
0: *report, *bericht, rapport, informe, audit, survey, study, analysis, results, inspection, overview, abstract, assessment, evaluation,
   enquête, comparison
""",
    "form": """
0: form, application, *antrag, *anmeldung, formulaire, formulario, questionnaire, schedule, claim, notification, solicitud, demande, feedback,
   *formular, registration, request
""",
    "cv": """
2: curriculum, curriculum vitae, cv, resume, lebenslauf, currículum, career profile
""",
    "email": """
2: subject, betreff, asunto, hi, hey, fwd
""",
}
"""Among the first words, where a document says what it is."""
