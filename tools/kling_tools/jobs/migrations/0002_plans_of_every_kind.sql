-- A plan used to be a video's; now it says in `spec` what kind of work it is, and its media are a list.
-- What is text where a list or an object belongs is a record that cannot be read, and is left as it is.
-- The mark of a request is reckoned otherwise since; what still waits to be sent is no longer compared with it.
UPDATE tasks SET document = json_set(
    document,
    '$.fingerprint', '',
    '$.plan', json_object(
        'tool', json_extract(document, '$.plan.tool'),
        'route', json_object(
            'provider', json_extract(document, '$.plan.route.provider'),
            'standards', CASE json_extract(document, '$.plan.route.standard')
                WHEN 'standard' THEN json('["standard", "legacy"]') ELSE json('["legacy"]') END),
        'standard', json_extract(document, '$.plan.route.standard'),
        'model', json_extract(document, '$.plan.model'),
        'wire_model', json_extract(document, '$.plan.wire_model'),
        'spec', json_object(
            'kind', 'video',
            'product', json_extract(document, '$.plan.effect'),
            'prompt', json_extract(document, '$.plan.prompt'),
            'seconds', json_extract(document, '$.plan.seconds'),
            'resolution', json_extract(document, '$.plan.resolution'),
            'aspect_ratio', json_extract(document, '$.plan.aspect_ratio'),
            'audio', json_extract(document, '$.plan.audio'),
            'multi_shot', CASE json_type(document, '$.plan.multi_shot')
                WHEN 'true' THEN json('true') WHEN 'false' THEN json('false') END),
        'inputs', CASE
            WHEN json_extract(document, '$.plan.image') IS NULL THEN json('[]')
            WHEN json_extract(document, '$.plan.last_image') IS NULL THEN json_array(
                json_object('role', 'first_frame', 'kind', 'image', 'name', 'image',
                            'text', json_extract(document, '$.plan.image'),
                            'limits', json(json_extract(document, '$.plan.image_limits'))))
            ELSE json_array(
                json_object('role', 'first_frame', 'kind', 'image', 'name', 'image',
                            'text', json_extract(document, '$.plan.image'),
                            'limits', json(json_extract(document, '$.plan.image_limits'))),
                json_object('role', 'last_frame', 'kind', 'image', 'name', 'last_image',
                            'text', json_extract(document, '$.plan.last_image'),
                            'limits', json(json_extract(document, '$.plan.image_limits')))) END,
        'price', json_set(json_extract(document, '$.plan.price'), '$.unit_usd', '0.14'),
        'typical_seconds', json_extract(document, '$.plan.typical_seconds'),
        'video_seconds', json_extract(document, '$.plan.seconds'),
        'notes', json(json_extract(document, '$.plan.notes'))))
WHERE CASE WHEN json_valid(document) THEN json_extract(document, '$.plan.spec') IS NULL
    AND coalesce(json_type(document, '$.plan.notes'), '') <> 'text'
    AND coalesce(json_type(document, '$.plan.price'), '') <> 'text'
    AND coalesce(json_type(document, '$.plan.image_limits'), '') <> 'text' ELSE 0 END;
